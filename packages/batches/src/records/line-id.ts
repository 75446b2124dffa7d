import { derivedUlid } from "@darkroom/contracts";

/**
 * The ULID of a line, by its place in the batch from 0: that of its generation, and of its answer in the output. Whoever feeds a line
 * makes the same one, so that a Redis that lost its last second, and forgot that it was fed, draws over its images and leaves none
 * behind that nobody knows of.
 */
export const lineUlid = (batchId: string, index: number): string => derivedUlid(batchId, `line ${index}`);

export const lineGenerationId = (batchId: string, index: number): string => `gen_${lineUlid(batchId, index)}`;

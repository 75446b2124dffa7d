import { imageFormat } from "@darkroom/contracts";
import type { GenerationRecord } from "@darkroom/generations";

/**
 * Where an attempt puts the images of a generation in the object store. The attempt is a part of each key: what a worker still writes that
 * was taken for dead never replaces what a later attempt has delivered. All images are below one prefix, and nothing else is, so that a
 * rule of the bucket may hold for them alone. A link names its key, so the tenant is not part of it.
 */
export function imageObjects({ id, attempts }: Pick<GenerationRecord, "id" | "attempts">) {
  const folder = `_images/${id}`;
  return {
    image: (index: number, mediaType: string): string => `${folder}/${attempts}-${index}.${imageFormat(mediaType)}`,
    partial: (index: number, partialIndex: number, mediaType: string): string =>
      `${folder}/${attempts}-partial-${index}-${partialIndex}.${imageFormat(mediaType)}`,
  };
}

export type ImageObjects = ReturnType<typeof imageObjects>;

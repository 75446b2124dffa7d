import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { batchFaultSchema } from "@darkroom/contracts";
import { batchObjects } from "../records/batch-objects.ts";
import { type PreparedLine, preparedLineSchema } from "../records/prepared-line.ts";
import { openBatchParts } from "../batch-parts.fixture.ts";
import { aBatch } from "../records/a-batch.fixture.ts";
import type { ValidateBatchDependencies } from "./validate-batch.ts";

/** A line of an input as a client writes it. */
export const inputLine = (customId: string, body: object = {}, over: object = {}): string =>
  JSON.stringify({
    custom_id: customId,
    method: "POST",
    url: "/v1/images/generations",
    body: { model: "gpt-image-1", prompt: `a cat, number ${customId}`, ...body },
    ...over,
  });

/** So many right lines. */
export const inputLines = (count: number): string[] => Array.from({ length: count }, (_, i) => inputLine(`r${i}`));

const never = new AbortController().signal;

/**
 * One batch that waits to be validated, on a real Redis, with its objects in memory.
 * @param noted what the api that accepted it noted: its catalogue, as text, and the limit of lines; an older release noted neither
 */
export async function openBatch(
  over: Partial<ValidateBatchDependencies> = {},
  { acceptedBy, mostLines }: { acceptedBy?: string; mostLines?: number } = {},
) {
  const { redis, keys, objects, files, batches, ...parts } = openBatchParts();
  const asked = aBatch({ mostLines, catalogue: acceptedBy && (await batches.keepCatalogue(acceptedBy)) });
  const { id } = asked;
  await batches.create(asked);
  const chunkKey = batchObjects("acme", id).lines;
  const read = async () => {
    const batch = await batches.read(id);
    if (batch === null) throw new Error("There is no batch");
    return batch;
  };
  const linesOf = async (chunk: number): Promise<PreparedLine[]> => {
    const { body } = await objects.get(chunkKey(chunk));
    return (await text(body))
      .trimEnd()
      .split("\n")
      .map((line) => preparedLineSchema.parse(JSON.parse(line)));
  };

  return {
    id,
    /** What the record takes in Redis. */
    redisBytes: async () => (await redis.memory("USAGE", keys.batch(id))) ?? 0,
    /** All that was found to be wrong: what the error file has, where there is one. */
    faults: async () => {
      const { errors, errorFileId } = await read();
      const file = errorFileId === null ? null : await files.read(errorFileId);
      if (file === null) return errors ?? [];
      const lines = (await text((await files.open(file)).body)).trimEnd().split("\n");
      return lines.map((line) => batchFaultSchema.parse(JSON.parse(line)));
    },
    files,
    batches,
    objects,
    chunkKey,
    read,
    linesOf,

    /** The work of the job, with what the test puts in the place of its parts. */
    validateBy: parts.validate,

    /** The work of the job, with this input. */
    validate: (
      input: string | Uint8Array | Readable | null,
      more: Partial<ValidateBatchDependencies> = {},
      signal = never,
    ) =>
      parts.validate({
        openInput: async () =>
          input === null || input instanceof Readable ? input : Readable.from(inChunks(Buffer.from(input))),
        accountOf: async () => ({ models: null, leftMicros: null }),
        ...over,
        ...more,
      })(id, signal),

    /** Every prepared line, in order, by the chunks that the record names. */
    prepared: async (): Promise<PreparedLine[]> => {
      const { chunks } = await read();
      const lines = await Promise.all(chunks.map((_, chunk) => linesOf(chunk)));
      return lines.flat();
    },

    /** How many chunks there are in the store. */
    chunksStored: async (): Promise<number> => {
      let count = 0;
      while ((await objects.head(chunkKey(count))) !== null) count++;
      return count;
    },
  };
}

/** As a disk or a network hands it over. */
function* inChunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

import { text } from "node:stream/consumers";
import { type BatchOutputLine, batchOutputLineSchema, newGenerationId } from "@darkroom/contracts";
import { batchObjects } from "./records/batch-objects.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type LineResult } from "./records/line-result.ts";
import type { ObjectStore } from "@darkroom/storage";
import { openBatchParts } from "./batch-parts.fixture.ts";
import { aBatch } from "./records/a-batch.fixture.ts";

const lane = "sandbox.batch";
const generations = Array.from({ length: 64 }, (_, i) => newGenerationId(1_770_000_000_000 + i));

/** The key of the one image of a line. */
export const imageKey = (index: number): string => `acme/images/${index}/0.png`;

/** What came of a line that succeeded, with one image. */
export const succeeded = (index: number, over: Partial<LineResult> = {}): LineResult => ({
  index,
  custom_id: `line-${index}`,
  generation: generations[index] ?? newGenerationId(1_770_000_000_000 + index),
  status: "succeeded",
  created_at_ms: 1_770_000_000_000,
  ended_at_ms: 1_770_000_005_000,
  request: {},
  delivery: {
    provider: "sandbox",
    images: [{ index: 0, key: imageKey(index), bytes: 3, mediaType: "image/png", width: 2, height: 1 }],
  },
  superseded: [],
  missing: [],
  error: null,
  cost: 10,
  ...over,
});

const preparedLine = (index: number) =>
  JSON.stringify({
    index,
    custom_id: `line-${index}`,
    request: { prompt: "a cat" },
    upstream: { model: "m", parameters: {} },
    terms: {},
    images: 1,
    worst: 10,
  });

const ignore = () => {};

const jsonLines = (texts: readonly string[]) => Buffer.from(texts.map((line) => `${line}\n`).join(""));
const jsonl = { contentType: "application/jsonl" };

export type Script = {
  total: number;
  /** Lines of each chunk of prepared lines. */
  perChunk?: number;
  /** How many lines were put on the lane. Left out: all. */
  fed?: number;
  outcome?: BatchRecord["outcome"];
  /** Results as they lie in the segments; null for a segment that is missing, text for a line that is broken. */
  segments: readonly ((LineResult | string)[] | null)[];
  missingChunks?: readonly number[];
  model?: string;
  outputSeconds?: number;
};

/** Batches on a real Redis, under a prefix of its own, taken down after the test. */
export function openBatches(store?: ObjectStore) {
  const errors: string[] = [];
  const log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_: object, sentence: string) => void errors.push(sentence),
  };
  const opened = openBatchParts({ ...(store && { objects: store }), log });
  const { prefix, redis, keys, objects, batches, files, finalize, sweep, quarantine } = opened;
  const keysLeft = () => redis.keys(`${prefix}:*`);

  const read = async (id: string) => {
    const batch = await batches.read(id);
    if (batch === null) throw new Error("There is no batch");
    return batch;
  };

  /** A batch whose lines have all ended, or never will: ready for its output. */
  async function finished(script: Script): Promise<string> {
    const { total, perChunk = 3, fed = total, outcome = "completed", segments, missingChunks = [] } = script;
    const asked = aBatch({ outputSeconds: script.outputSeconds ?? 3_600 });
    const { id } = asked;
    await batches.create(asked);
    const chunks = Array.from({ length: Math.ceil(total / perChunk) }, (_, chunk) => chunk * perChunk);
    await batches.accept(id, { model: script.model ?? "m", lane, total, chunks });
    const stored = batchObjects("acme", id);
    for (const [chunk, first] of chunks.entries()) {
      const indexes = Array.from({ length: Math.min(perChunk, total - first) }, (_, i) => first + i);
      if (!missingChunks.includes(chunk))
        await objects.put(stored.lines(chunk), jsonLines(indexes.map(preparedLine)), jsonl);
    }
    for (const [segment, results] of segments.entries()) {
      const written = results?.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
      if (written !== undefined) await objects.put(stored.results(segment), jsonLines(written), jsonl);
    }
    await redis.hset(keys.batch(id), { fed, completed: fed, segments: segments.length });
    if (outcome === "cancelled") await batches.cancel(id, lane);
    if (outcome === "expired") await batches.overdue(id, lane);
    await batches.settle(await read(id));
    return id;
  }

  /** The lines of a file of a batch, each checked against its shape. */
  async function linesOf(fileId: string | null): Promise<BatchOutputLine[]> {
    if (fileId === null) return [];
    const found = await text((await files.open({ tenant: "acme", id: fileId })).body);
    if (!found.endsWith("\n")) throw new Error("The last line has no end");
    return found
      .slice(0, -1)
      .split("\n")
      .map((line) => batchOutputLineSchema.parse(JSON.parse(line)));
  }

  return {
    prefix,
    redis,
    keys,
    keysLeft,
    quarantine,
    objects,
    batches,
    files,
    errors,
    log,
    read,
    finished,
    finalize,
    sweep,
    /** The batch as it ended, and what is in its two files. */
    resultOf: async (id: string) => {
      const batch = await read(id);
      return { batch, output: await linesOf(batch.outputFileId), error: await linesOf(batch.errorFileId) };
    },
  };
}

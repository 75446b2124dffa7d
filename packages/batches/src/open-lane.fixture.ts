import { text } from "node:stream/consumers";
import { noBudget } from "@darkroom/contracts";
import { z } from "zod";
import { batchObjects } from "./records/batch-objects.ts";
import { type LineResult, lineResultSchema } from "./records/line-result.ts";
import { type PreparedLine } from "./records/prepared-line.ts";
import { openBatchParts } from "./batch-parts.fixture.ts";
import { aBatch } from "./records/a-batch.fixture.ts";
import { createPreparedLines } from "./prepared-lines.ts";

export const lane = "sandbox.batch";
export const live = new AbortController().signal;
export const windowMs = 86_400_000;
export const delivery = {
  provider: "sandbox",
  images: [{ index: 0, key: "acme/gen/0.png", bytes: 3, mediaType: "image/png", width: 1, height: 1 }],
};
export const bill = { images: 1, inputTokens: 0, outputTokens: 0, costMicros: 7, providerCostMicros: null };

/** A lane on a real Redis, with no worker but the test. */
export function openLane({ window = 300, budget = noBudget, keyInForce = true } = {}) {
  const parts = openBatchParts();
  const { redis, keys, generations, attempts, lanes, objects, batches, lines, laneRound, quarantine } = parts;
  const stored = createPreparedLines(objects);
  const looked: string[] = [];
  const preparedLines: typeof stored = {
    from(batch, index) {
      looked.push(batch.id);
      return stored.from(batch, index);
    },
  };
  const time = { offsetMs: 0 };
  const state: { keyInForce: boolean; redisIsFull: boolean; unreadableKey: string | null } = {
    keyInForce,
    redisIsFull: false,
    unreadableKey: null,
  };
  const unbilled: string[] = [];
  const newRound = () =>
    laneRound({
      lane,
      window,
      quantum: 10,
      floor: 10,
      prepared: preparedLines,
      accountOf: async (keyId) => {
        // As a record of another release fails.
        if (keyId === state.unreadableKey) z.array(z.string()).parse({});
        return state.keyInForce ? { budget } : null;
      },
      countUnbilled: ({ tenant, keyId, model }) => void unbilled.push(`${tenant} ${keyId} ${model}`),
      mayFeed: async () => !state.redisIsFull,
      now: async () => Date.now() + time.offsetMs,
    });

  /** A batch in progress, its lines in chunks of 500. */
  async function begin(
    total: number,
    tenant = "acme",
    over: Partial<PreparedLine> = {},
    keyId = "key",
  ): Promise<string> {
    const asked = aBatch({ tenant, windowMs, keyId });
    const { id } = asked;
    await batches.create(asked);
    const chunks = Array.from({ length: Math.ceil(total / 500) }, (_, i) => i * 500);
    for (const [chunk, first] of chunks.entries()) {
      const some = Array.from({ length: Math.min(500, total - first) }, (_, i) => ({
        ...prepared(first + i),
        ...over,
      }));
      const body = Buffer.from(some.map((line) => `${JSON.stringify(line)}\n`).join(""));
      await objects.put(batchObjects(tenant, id).lines(chunk), body, { contentType: "application/jsonl" });
    }
    await batches.accept(id, { model: "m", lane, total, chunks });
    return id;
  }

  const read = async (id: string) => {
    const batch = await batches.read(id);
    if (batch === null) throw new Error(`There is no ${id}`);
    return batch;
  };

  async function results(id: string): Promise<LineResult[]> {
    const { tenant, segments } = await read(id);
    const found: LineResult[] = [];
    for (let segment = 0; segment < segments; segment++) {
      const { body } = await objects.get(batchObjects(tenant, id).results(segment));
      const written = (await text(body)).trimEnd().split("\n");
      found.push(...written.map((line) => lineResultSchema.parse(JSON.parse(line))));
    }
    return found;
  }

  return {
    redis,
    keys,
    objects,
    looked,
    quarantine,
    batches,
    generations,
    attempts,
    lines,
    lanes,
    time,
    state,
    unbilled,
    newRound,
    begin,
    read,
    results,
  };
}

export const prepared = (index: number): PreparedLine => ({
  index,
  custom_id: `line "${index}" – ✓`,
  request: { prompt: `Number ${index}`, response_format: "b64_json" },
  upstream: { model: "m", parameters: { n: 1 } },
  terms: {},
  images: 1,
  worst: 10,
});

type Lane = ReturnType<typeof openLane>;

/** Ends what is open, all or the first ones: every fifth line fails. */
export async function work({ lines, attempts }: Lane, batchId: string, most = Infinity): Promise<number> {
  const open = (await lines.open(batchId)).slice(0, most);
  for (const [i, id] of open.entries()) {
    if (typeof (await attempts.start(id, lane)) === "string") continue;
    if (i % 5 === 4) await attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
    else await attempts.succeed(id, lane, 1, delivery, bill);
  }
  return open.length;
}

import { randomUUID } from "node:crypto";
import { admissionArgument, unlimited } from "@darkroom/accounts";
import type { Budget } from "@darkroom/contracts";
import { defineScript, formerPlaceMs, isDamage, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import { messagingAttributes, noTracer, type Span, type Tracer } from "@darkroom/tracing";
import type { BatchRecord } from "./batch-record.ts";
import { lineGenerationId } from "./line-result.ts";
import type { PreparedLine } from "./prepared-line.ts";

/** Lines per call of the script. Each takes some 40 µs of Redis, so other commands are delayed by a millisecond at most. */
const linesAtOnce = 20;

const feedLines = defineScript(
  new URL("scripts/feed-lines.lua", import.meta.url),
  z.union([z.array(z.int()), z.enum(["stopped", "moved"])]),
);
const claimLines = defineScript(
  new URL("scripts/claim-lines.lua", import.meta.url),
  z.union([z.tuple([z.int(), z.array(z.string())]), z.tuple([])]),
);
const commitLines = defineScript(new URL("scripts/commit-lines.lua", import.meta.url), z.enum(["ok", "known"]));
const giveUpLine = defineScript(new URL("scripts/give-up-line.lua", import.meta.url), z.enum(["lost", "kept"]));

type LineStoreOptions = { redis: Redis; keys: Keys; lanes: Lanes; tracer?: Tracer | undefined; log: Logger };

/** A batch whose lines are fed to a lane. */
export type FeedingBatch = BatchRecord & { lane: string; model: string };

/** The fields of a batch that its lines carry. */
type Feeder = Pick<FeedingBatch, "id" | "tenant" | "keyId" | "lane" | "model"> & { trace?: string | null | undefined };

type Fed = {
  /** How many lines were taken in. A line for which spent money leaves no room is among them, and has ended. */
  fed: number;
  /** The next line has no room in the budget until something that is reserved has ended for less than its worst case. */
  waitsForMoney: boolean;
};

/** One segment of results as it is to be stored: a JSON object a line, as `lineResultSchema` reads it. */
export type Segment = { number: number; text: string; lines: number };

/**
 * What became of a segment. `lost`: the store will never take it, and its lines count as failed. `again`: its lines are collected into the
 * next segment, as many as that.
 */
export type WrittenSegment = "stored" | "lost" | { again: number };

/** Moves the lines of batches from the object store to a lane, and their results back. */
export function createLineStore({ redis, keys, lanes, tracer = noTracer, log }: LineStoreOptions) {
  /** The span that puts a line on its lane. Each line is a trace of its own: one of 50,000 lines could not be read. It has a link to its batch's. */
  const sending = ({ id: batchId, tenant, lane, model, trace }: Feeder, id: string, index: number): Span =>
    tracer.start({
      name: `send ${lane}`,
      kind: "producer",
      parent: null,
      links: [trace],
      attributes: {
        ...messagingAttributes({ type: "send", destination: lane, id }),
        "darkroom.generation.id": id,
        "darkroom.tenant": tenant,
        "darkroom.model": model,
        "darkroom.batch.id": batchId,
        "darkroom.batch.line": index,
      },
    });

  async function feedSome(batch: Feeder, from: number, lines: readonly PreparedLine[], budget: Budget) {
    const { id, tenant, keyId, lane, model } = batch;
    const ids = lines.map((_, i) => lineGenerationId(id, from + i));
    const spans = ids.map((lineId, i) => sending(batch, lineId, from + i));
    const args = lines.flatMap(({ custom_id, request, upstream, terms, images, worst }, i) => [
      ids[i] ?? "",
      custom_id,
      JSON.stringify(request),
      JSON.stringify(upstream),
      JSON.stringify(terms),
      JSON.stringify({
        response_format: request.response_format,
        background: request.background,
        quality: request.quality,
        user: request.user,
        safety_identifier: request.safety_identifier,
      }),
      admissionArgument({ ...unlimited, budget, images, worstCaseMicros: worst }),
      worst ?? "-",
      spans[i]?.context ?? "",
    ]);
    const priorities = await feedLines(
      redis,
      [
        keys.batch(id),
        keys.batchEnded(id),
        keys.batchLines(id),
        keys.queued,
        keys.pending(lane),
        keys.index(tenant),
        keys.ranks(lane),
        keys.root,
      ],
      [id, tenant, keyId, lane, model, from, randomUUID(), ...args],
    );
    if (typeof priorities === "string") return null;
    // The others have no generation: they are tried again, or the budget has no room for them. A span that does not end is not sent.
    for (const [i, span] of spans.entries()) if (priorities[i]) span.end();
    return {
      taken: priorities.length,
      jobs: ids.flatMap((lineId, i) => (priorities[i] ? [{ id: lineId, priority: priorities[i] }] : [])),
    };
  }

  /** The results of ended lines, from their records; null for a line whose record is gone or damaged. A line that was never taken in has no record. */
  async function readResults(batchId: string, entries: readonly string[]): Promise<(LineOutcome | null)[]> {
    const pipeline = redis.pipeline();
    for (const entry of entries) if (!entry.startsWith("{")) pipeline.hmget(keys.record(entry), ...resultFields);
    const answers = ((await pipeline.exec()) ?? []).values();
    return entries.map((entry) => {
      if (entry.startsWith("{")) return refusedLine(batchId, entry);
      const [error, values] = answers.next().value ?? [];
      // A record that is damaged says as little as one that is gone.
      if (isDamage(error)) return null;
      if (error) throw error;
      return endedLine(entry, z.array(z.string().nullable()).parse(values));
    });
  }

  async function collect(
    batch: BatchRecord,
    { most, fewest, refused }: { most: number; fewest: number; refused?: number },
    write: (segment: Segment) => Promise<WrittenSegment>,
  ): Promise<number> {
    const claim = (number?: number) =>
      claimLines(redis, [keys.batch(batch.id), keys.batchEnded(batch.id)], [most, fewest, number ?? ""]);
    const [number, entries = []] = await claim(refused);
    if (number === undefined) return 0;
    const outcomes = await readResults(batch.id, entries);
    const gone = entries.filter((_, i) => outcomes[i] === null);
    if (gone.length > 0) {
      // Another worker has stored and committed this segment. Otherwise something has dropped records that must not be dropped.
      if ((await claim())[0] !== number) return 0;
      log.error(
        { batchId: batch.id, generationIds: gone },
        "Records of lines are gone or damaged before they were collected",
      );
    }
    const results = outcomes.filter((outcome) => outcome !== null);
    const text = results.map(({ json }) => `${json}\n`).join("");
    const written = await write({ number, text, lines: entries.length });
    if (typeof written === "object") return collect(batch, { most: written.again, fewest: 1, refused: number }, write);
    const completed = written === "lost" ? 0 : results.filter(({ succeeded }) => succeeded).length;
    await commitLines(
      redis,
      [keys.batch(batch.id), keys.batchEnded(batch.id), keys.batchLines(batch.id), keys.index(batch.tenant), keys.root],
      [
        number,
        completed,
        entries.length - completed,
        results.reduce((sum, { costMicros }) => sum + costMicros, 0),
        batch.tenant,
        formerPlaceMs,
      ],
    );
    return entries.length;
  }

  return {
    /**
     * Puts the next lines of a batch on its lane; `from` is the index of the first. Fewer than given are taken in where the batch was stopped,
     * another worker has fed it since, or the next line waits for reserved money.
     */
    async feed(batch: Feeder, from: number, lines: readonly PreparedLine[], budget: Budget): Promise<Fed> {
      let fed = 0;
      while (fed < lines.length) {
        const some = lines.slice(fed, fed + linesAtOnce);
        const answer = await feedSome(batch, from + fed, some, budget);
        if (answer === null) break;
        fed += answer.taken;
        try {
          await lanes.addMany(batch.lane, answer.jobs);
        } catch (error) {
          const fields = { batchId: batch.id, lane: batch.lane, err: error };
          log.warn(fields, "Lines could not be put on their lane; recovery will");
        }
        if (answer.taken < some.length) return { fed, waitsForMoney: true };
      }
      return { fed, waitsForMoney: false };
    },

    /**
     * Collects ended lines into the next segment of results, which `write` stores, and drops their records. Answers how many, 0 where
     * fewer than `fewest` have ended. Another worker that collects at the same time writes the same.
     */
    collect: (
      batch: BatchRecord,
      counts: { most: number; fewest: number },
      write: (segment: Segment) => Promise<WrittenSegment>,
    ): Promise<number> => collect(batch, counts, write),

    /**
     * Collects a line that lost its record before it ended, or whose record `isDamaged`, so that it does not end. It counts as failed, and the
     * output says that it is lost.
     */
    giveUp: (batchId: string, id: string, isDamaged = false) =>
      giveUpLine(
        redis,
        [keys.record(id), keys.batchEnded(batchId), keys.batchLines(batchId)],
        [id, isDamaged ? "1" : "0"],
      ),

    /** The generations of a batch that have not been collected. */
    open: (batchId: string): Promise<string[]> => redis.smembers(keys.batchLines(batchId)),

    /** How many lines of a batch have ended and have not been collected. */
    countEnded: (batchId: string): Promise<number> => redis.llen(keys.batchEnded(batchId)),
  };
}

export type LineStore = ReturnType<typeof createLineStore>;

/** A line of results, and what it adds to the counts of its batch. */
type LineOutcome = { json: string; succeeded: boolean; costMicros: number };

const resultFields = [
  "status",
  "lineIndex",
  "customId",
  "createdAt",
  "endedAt",
  "answer",
  "delivery",
  "superseded",
  "missing",
  "error",
  "cost",
] as const;

/** Built as text, so that the JSON in the record is not parsed and serialised again. See `lineResultSchema`. */
function endedLine(id: string, values: readonly (string | null)[]): LineOutcome | null {
  const [status, index, customId, createdAt, endedAt, answer, delivery, superseded, missing, error, cost] = values;
  if (status == null) return null;
  const succeeded = status === "succeeded";
  const priced = cost != null && cost !== "-";
  const json =
    `{"index":${index},"custom_id":${JSON.stringify(customId)},"generation":"${id}","status":"${status}",` +
    `"created_at_ms":${createdAt},"ended_at_ms":${endedAt},"request":${answer},` +
    `"delivery":${delivery ?? null},"superseded":[${superseded?.replaceAll("\n", ",") ?? ""}],"missing":${missing ?? "[]"},"error":${error ?? null},"cost":${priced ? cost : null}}`;
  return { json, succeeded, costMicros: priced ? Number(cost) : 0 };
}

const refusedSchema = z.object({ index: z.int(), custom_id: z.string(), at: z.int() });

/** A line for which spent money left no room in the budget. It never became a generation; the id is for support questions. */
function refusedLine(batchId: string, entry: string): LineOutcome {
  const { index, custom_id, at } = refusedSchema.parse(JSON.parse(entry));
  const message =
    "The budget of this API key had no room for this line when it was reached. It was not run, and costs nothing.";
  const result = {
    index,
    custom_id,
    generation: lineGenerationId(batchId, index),
    status: "failed",
    created_at_ms: at,
    ended_at_ms: at,
    request: {},
    delivery: null,
    superseded: [],
    missing: [],
    error: { code: "insufficient_quota", message },
    cost: 0,
  };
  return { json: JSON.stringify(result), succeeded: false, costMicros: 0 };
}

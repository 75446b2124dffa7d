import { defineScript, generationKeys } from "@darkroom/redis";
import { randomBytes } from "node:crypto";
import { billArgument, nothingCharged, nothingDelivered } from "@darkroom/accounts";
import type { Bill, Ending } from "@darkroom/contracts";
import { z } from "zod";
import { unpackFields } from "../packing/pack-record.ts";
import { type Delivery, deliverySchema } from "./delivery.ts";
import type { Failure } from "./failure.ts";
import type { MissingImage } from "./missing-image.ts";
import { assertKnownUpstream, decodeRecord, type GenerationRecord } from "./generation-record.ts";
import { type FinishJob, jobFinishedSchema, startsSpanMs, startsSpans, withoutJob } from "@darkroom/queue";
import { keptCalls, type NotedCall } from "./upstream-call.ts";
import type { PartialImage } from "./partial-image.ts";
import { readRecord } from "./read-record.ts";
import type { StoreOptions } from "../queue-connection.ts";

const verdicts = ["ok", "fenced", "ended", "gone"] as const;

/** The answer of a script: `fenced` = a later attempt owns the record, `ended` = the terminal state was set before, `gone` = no record. */
export type Verdict = (typeof verdicts)[number];

const unbegun = ["gone", "ended", "expired", "stopped"] as const;

/** Why no attempt is begun, and none will be. */
type Unbegun = (typeof unbegun)[number];

const haltedEndings = ["canceled", "expired"] as const;

/** How a line of a stopped batch ends that has no stored image: its batch was canceled or is out of time. */
type Halted = (typeof haltedEndings)[number];

const start = defineScript(
  new URL("../scripts/start.lua", import.meta.url),
  z.union([
    // The number of the attempt, the time of the first, how the generation ends where nothing more is bought for it, whether the lane backs
    // off, and the fields of the record.
    z.tuple([z.int(), z.int(), z.enum([...haltedEndings, ""]), z.enum(["1", ""]), z.array(z.string())]),
    z.enum([...unbegun, "changed"]),
    z.int(),
  ]),
);
const checkpoint = defineScript(new URL("../scripts/checkpoint.lua", import.meta.url), z.enum(["ok", "fenced"]));
const noteCall = defineScript(new URL("../scripts/note-call.lua", import.meta.url), z.enum(["ok", "fenced"]));
const appendPartial = defineScript(new URL("../scripts/append-partial.lua", import.meta.url), z.enum(["ok", "fenced"]));
const end = defineScript(
  new URL("../scripts/end.lua", import.meta.url),
  z.tuple([z.enum(verdicts), jobFinishedSchema]),
);
const postpone = defineScript(new URL("../scripts/postpone.lua", import.meta.url), z.enum(["ok", "fenced"]));

const putInLine = defineScript(
  new URL("../scripts/put-in-line.lua", import.meta.url),
  z.enum(["ok", "fenced", "late"]),
);

/**
 * How long a generation without a deadline waits for an upstream whose rate limit refuses it, in milliseconds. After a day a daily limit has
 * room again.
 */
const limitedForMs = 86_400_000;

/** A try fails when another process changes the record between two round trips. */
const startTries = 10;

/** A record whose next attempt has begun. */
export type BegunRecord = GenerationRecord & {
  /** Set for a line of a stopped batch: its stored images are delivered, and nothing more is bought. */
  halted: Halted | null;
  /**
   * Whether the previous attempt may have bought images without noting them, because its worker died or a shutdown broke it off.
   */
  mayRepeat: boolean;
  /** Whether the lane backs off from its upstream, so that it is to hear of calls that the upstream accepts. */
  laneBacksOff: boolean;
};

/** The records as a worker changes them: it begins attempts, and only the latest attempt may write. */
export function createAttemptStore({ redis, keys, retention }: StoreOptions) {
  const where = (id: string, lane: string) => generationKeys(keys, id, lane);

  type EndAs = { status: Ending; bill: string; fields: string[]; finish: FinishJob | undefined };
  const endAs = (id: string, lane: string, attempt: number, { status, bill, fields, finish = withoutJob }: EndAs) =>
    finish((job) =>
      end(redis, generationKeys(keys, id, lane, keys.lane(lane)), [
        id,
        attempt,
        status,
        retention.recordsMs,
        bill,
        ...job,
        ...fields,
      ]),
    );

  return {
    /**
     * Begins an attempt, or answers why not: the generation has ended, before or now, because it is out of time (`expired`) or its key was
     * stopped (`stopped`). A number is the rest of the pause before its next attempt, in milliseconds. Throws
     * `UnreadableRecord` where this release cannot read it: then no attempt has begun.
     *
     * @param hash the fields of the record as they were read with the job, name and value by turns. The script begins no attempt where the
     * record is of another version by then.
     */
    async start(
      id: string,
      lane: string,
      hash: readonly string[] | null = null,
    ): Promise<BegunRecord | Unbegun | number> {
      const token = randomBytes(9).toString("base64url");
      let known = hash === null ? null : recordOf(hash);
      for (let tries = 1; tries <= startTries; tries++) {
        const record = known ?? (await readRecord(redis, keys, id));
        known = null;
        if (record === null) return "gone";
        assertKnownUpstream(record);
        const ofLane = [keys.starts(lane), keys.lane(lane), keys.backoff(lane)];
        const answer = await start(redis, generationKeys(keys, id, lane, ...ofLane), [
          id,
          token,
          record.version,
          retention.recordsMs,
          startsSpanMs,
          startsSpanMs * (startsSpans + 1),
        ]);
        if (answer === "changed") continue;
        if (typeof answer !== "object") return answer;
        const [attempts, startedAtMs, halted, backsOff, fields] = answer;
        // With the answer and not by another command: where that failed, the attempt would count as a crash.
        let begun: GenerationRecord | null;
        try {
          begun = recordOf(fields);
        } catch (error) {
          await postpone(redis, where(id, lane), [id, attempts, "handbacks", 0, "0"]);
          throw error;
        }
        const mayRepeat = record.status === "running" || record.brokenOffAttempt === attempts - 1;
        return {
          ...(begun ?? record),
          status: "running",
          attempts,
          halted: halted === "" ? null : halted,
          startedAtMs,
          version: record.version + 1,
          mayRepeat,
          laneBacksOff: backsOff !== "",
        };
      }
      throw new Error(`The record of ${id} changed ${startTries} times while an attempt was to begin.`);
    },

    /** Notes what was bought before it is uploaded, and which images are given up. */
    checkpoint: (
      id: string,
      attempt: number,
      delivery: Delivery,
      missing: readonly MissingImage[] = [],
    ): Promise<Verdict> =>
      checkpoint(
        redis,
        [keys.record(id)],
        [attempt, JSON.stringify(delivery), JSON.stringify(missing), mayBeCharged(delivery, missing) ? "1" : "0"],
      ),

    /**
     * Records a call of a deployment before it is made, and in its place what came of it. A call that has ended and may have been charged
     * puts the generation in doubt.
     */
    noteCall: (id: string, attempt: number, call: NotedCall, isEnd: boolean): Promise<Verdict> =>
      noteCall(
        redis,
        [keys.record(id)],
        [
          attempt,
          JSON.stringify({ attempt, ...call }),
          isEnd ? "1" : "0",
          isEnd && call.mayHaveCharged ? "1" : "0",
          keptCalls,
        ],
      ),

    /** The keys of the objects that the record names as delivered; null where there is no record. */
    async deliveredKeys(id: string): Promise<string[] | null> {
      const { id: known, delivery } = unpackFields(id, await redis.hgetallBuffer(keys.record(id)));
      if (known === undefined) return null;
      return delivery === undefined ? [] : deliverySchema.parse(JSON.parse(delivery)).images.map(({ key }) => key);
    },

    /** Shows a partial image, which is in the object store, to those who watch. */
    appendPartial: (id: string, attempt: number, partial: PartialImage): Promise<Verdict> =>
      appendPartial(redis, [keys.record(id), keys.partials(id)], [id, attempt, JSON.stringify(partial)]),

    /** `missing`: the images that did not come, and why. `finish`: takes the job off its lane in the same write. */
    succeed: (
      id: string,
      lane: string,
      attempt: number,
      delivery: Delivery,
      bill: Bill,
      missing: readonly MissingImage[] = [],
      finish?: FinishJob,
    ): Promise<Verdict> =>
      endAs(id, lane, attempt, {
        status: "succeeded",
        bill: billArgument(bill, delivery.provider),
        fields: [
          "delivery",
          JSON.stringify(delivery),
          // A record without the field has none. Images that were noted once stay noted.
          ...(missing.length > 0 ? ["missing", JSON.stringify(missing)] : []),
        ],
        finish,
      }),

    /** `uncharged`: it is certain that the provider charges nothing for this attempt. */
    fail: (
      id: string,
      lane: string,
      attempt: number,
      error: Failure,
      uncharged = false,
      finish?: FinishJob,
    ): Promise<Verdict> =>
      endAs(id, lane, attempt, {
        status: "failed",
        bill: uncharged ? nothingCharged : nothingDelivered,
        fields: ["error", JSON.stringify(error)],
        finish,
      }),

    /**
     * Ends a line of a stopped batch that has no stored image. This attempt has requested nothing; the record says whether a provider may have
     * charged for an earlier one.
     */
    halt: (id: string, lane: string, attempt: number, status: Halted, finish?: FinishJob): Promise<Verdict> =>
      endAs(id, lane, attempt, { status, bill: nothingCharged, fields: [], finish }),

    /** Queues a running generation for another attempt. A failure counts as a try, a handback does not. */
    postpone: (
      id: string,
      lane: string,
      attempt: number,
      reason: "failures" | "handbacks",
      pauseMs: number,
    ): Promise<Verdict> => postpone(redis, where(id, lane), [id, attempt, reason, pauseMs, "0"]),

    /**
     * Puts a running generation back in line after the upstream's rate limit refused it. The attempt does not count. `late`: it has waited as
     * long as it may, and its attempt must end it.
     */
    putInLine: (id: string, lane: string, attempt: number): Promise<Verdict | "late"> =>
      putInLine(redis, where(id, lane), [id, attempt, limitedForMs]),

    /** Whether the generation waits for an attempt. */
    isQueued: async (id: string): Promise<boolean> => (await redis.hget(keys.record(id), "status")) === "queued",

    /** Hands a running generation back whose provider call was broken off: the next attempt may buy what this one has bought. */
    breakOff: (id: string, lane: string, attempt: number): Promise<Verdict> =>
      postpone(redis, where(id, lane), [id, attempt, "handbacks", 0, "1"]),
  };
}

/** The record of a hash, name and value by turns. Null for no fields, and for a packed record, whose bytes are no text. Throws `UnreadableRecord`. */
export function recordOf(fields: readonly string[]): GenerationRecord | null {
  const hash: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) hash[fields[at] ?? ""] = fields[at + 1] ?? "";
  return hash["packed"] === undefined ? decodeRecord(hash) : null;
}

/** Whether a provider may charge for what is noted: it has drawn an image, or may have. */
const mayBeCharged = ({ images, drawn }: Delivery, missing: readonly MissingImage[]): boolean =>
  images.length > 0 || (drawn?.images ?? 0) > 0 || missing.some(({ mayHaveCharged }) => mayHaveCharged);

export type AttemptStore = ReturnType<typeof createAttemptStore>;

import { billArgument, nothingCharged, nothingDelivered } from "@darkroom/accounts";
import type { Bill, Ending } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { endingScript, queueScript } from "./queue-script.ts";
import { type Delivery, deliverySchema } from "./delivery.ts";
import type { Failure } from "./failure.ts";
import type { MissingImage } from "./missing-image.ts";
import { decodeRecord, type GenerationRecord } from "./generation-record.ts";
import { generationKeys, type Keys } from "../connection/keys.ts";
import { startsSpanMs, startsSpans } from "../lanes/lane-rate.ts";
import type { PartialImage } from "./partial-image.ts";
import type { Retention } from "./retention.ts";
import { expire, withdraw } from "./unbegun-endings.ts";

/** What a script said: `fenced` = a later attempt owns the record, `ended` = the terminal state was set before, `gone` = no record. */
export type Verdict = "ok" | "fenced" | "ended" | "gone";

const start = queueScript<"gone" | "ended" | "overdue" | "stopped" | (string | number)[]>("start", {
  account: "start",
  fragments: ["rank", "generation"],
});
const checkpoint = queueScript<"ok" | "fenced">("checkpoint", { fragments: ["supersede"] });
const appendPartial = queueScript<"ok" | "fenced">("append-partial");
const end = endingScript<Verdict>("end", ["supersede"]);
const postpone = queueScript<"ok" | "fenced">("postpone", { account: "counting", fragments: ["generation"] });

/** The records as a worker sees them: attempts are begun, and only the latest attempt may write. */
export function createAttemptStore(redis: Redis, keys: Keys, retention: Retention) {
  const where = (id: string, lane: string) => generationKeys(keys, id, lane);

  const endAs = (status: Ending, id: string, lane: string, attempt: number, bill: string, fields: string[]) =>
    end(redis, where(id, lane), [id, attempt, status, retention.recordsMs, bill, ...fields]);

  return {
    /** Begins an attempt, or says why there is nothing to do. `stopped`: its key is no longer in use, and it has been canceled. */
    async start(id: string, lane: string): Promise<GenerationRecord | "gone" | "ended" | "expired" | "stopped"> {
      const starts = keys.starts(lane, Math.floor(Date.now() / startsSpanMs));
      // Read beside it and not by it: through Lua every field would be copied twice. What the start changed is its answer.
      const [answer, hash] = await Promise.all([
        start(redis, generationKeys(keys, id, lane, starts), [id, startsSpanMs * (startsSpans + 1)]),
        redis.hgetall(keys.record(id)),
      ]);
      if (answer === "overdue") {
        await expire(redis, where(id, lane), [id, retention.recordsMs]);
        return "expired";
      }
      if (answer === "stopped") {
        await withdraw(redis, where(id, lane), [id, retention.recordsMs, "canceled", "stopped", 1]);
        return "stopped";
      }
      if (typeof answer === "string") return answer;
      const record = decodeRecord({ ...hash, ...Object.fromEntries(pairs(answer.map(String))) });
      if (record === null)
        throw new Error(`The record of ${id} has no id: something else wrote to ${keys.record(id)}.`);
      return record;
    },

    /** Notes what was bought before it is uploaded, and which images are given up. */
    checkpoint: (
      id: string,
      attempt: number,
      delivery: Delivery,
      missing: readonly MissingImage[] = [],
    ): Promise<Verdict> =>
      checkpoint(redis, [keys.record(id)], [attempt, JSON.stringify(delivery), JSON.stringify(missing)]),

    /** The keys of the objects that the record names as delivered; none where there is no record. */
    async deliveredKeys(id: string): Promise<string[]> {
      const noted = await redis.hget(keys.record(id), "delivery");
      return noted === null ? [] : deliverySchema.parse(JSON.parse(noted)).images.map(({ key }) => key);
    },

    /** Shows a partial image, which is in the object store, to those who watch. */
    appendPartial: (id: string, attempt: number, partial: PartialImage): Promise<Verdict> =>
      appendPartial(redis, [keys.record(id), keys.partials(id)], [id, attempt, JSON.stringify(partial)]),

    /** `missing`: the images that did not come, and why. */
    succeed: (
      id: string,
      lane: string,
      attempt: number,
      delivery: Delivery,
      bill: Bill,
      missing: readonly MissingImage[] = [],
    ): Promise<Verdict> =>
      endAs("succeeded", id, lane, attempt, billArgument(bill, delivery.provider), [
        "delivery",
        JSON.stringify(delivery),
        // A record without the field has none. What was noted once is never less in the end.
        ...(missing.length > 0 ? ["missing", JSON.stringify(missing)] : []),
      ]),

    /** `uncharged`: the provider surely charges nothing for any of its attempts. */
    fail: (id: string, lane: string, attempt: number, error: Failure, uncharged = false): Promise<Verdict> =>
      endAs("failed", id, lane, attempt, uncharged ? nothingCharged : nothingDelivered, [
        "error",
        JSON.stringify(error),
      ]),

    /** Puts a running generation down for another attempt. A failure counts against its tries, handing it back does not. */
    postpone: (
      id: string,
      lane: string,
      attempt: number,
      reason: "failures" | "handbacks",
      pauseMs: number,
    ): Promise<Verdict> => postpone(redis, where(id, lane), [id, attempt, reason, pauseMs]),
  };
}

/** A flat list of field, value, … as Lua sees a hash, in pairs. */
function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i] ?? "", flat[i + 1] ?? ""];
}

export type AttemptStore = ReturnType<typeof createAttemptStore>;

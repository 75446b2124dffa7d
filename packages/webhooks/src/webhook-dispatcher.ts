import { isBatchId } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { defineScript, type Keys, type Quarantine, quarantinePauseMs } from "@darkroom/redis";
import { createTicker, type Logger } from "@darkroom/runtime";
import { z } from "zod";
import { isUnreadable } from "./unreadable-webhook.ts";
import { toldEndingSchema } from "./webhook-delivery.ts";
import type { WebhookStore } from "./webhook-store.ts";
import { destinationOf, readSubject, type WebhookSubjectStores } from "./webhook-subject.ts";

const claim = defineScript(new URL("./scripts/claim-endings.lua", import.meta.url), z.array(z.string()));

export type WebhookDispatcherOptions = WebhookSubjectStores & {
  redis: Redis;
  keys: Keys;
  webhooks: WebhookStore;
  quarantine: Pick<Quarantine, "setAside" | "release">;
  log: Pick<Logger, "warn">;
  /** Is called when deliveries have been put in line. */
  onHandedOver?: () => void;
  /** How often the outbox is looked at without a `wake`, in milliseconds: the most that a webhook is late by. */
  everyMs?: number;
  /** How long until an ending that this release cannot read is looked at again, in milliseconds: ten minutes by default. */
  unreadableAfterMs?: number;
};

/** Half of the endings that are claimed at a time. They are handed over side by side, and each record may have 140 KB. */
const halfPage = 50;
/** The most pages of one tick, which a close waits for. The next tick follows at once. */
const maxPages = 10;
/** A page is handed over in some milliseconds. What a worker has claimed that dies is handed over by another after that. */
const claimMs = 30_000;

/**
 * Hands endings over from the outbox, where the script that ended the generation or batch put them, to the line of deliveries. No crash
 * loses one: an ending leaves the outbox in the script that writes its delivery down. Workers share the outbox: each claims a page of its own.
 */
export function createWebhookDispatcher(options: WebhookDispatcherOptions) {
  const { redis, keys, webhooks, quarantine, log, everyMs = 500, unreadableAfterMs = quarantinePauseMs } = options;
  const { onHandedOver = () => {} } = options;
  const furthestMs = Math.max(claimMs, unreadableAfterMs) * 2;

  const recordOf = (entry: string): string => {
    const [subjectId = ""] = entry.split(" ");
    return isBatchId(subjectId) ? keys.batch(subjectId) : keys.record(subjectId);
  };

  async function handOver(entry: string): Promise<void> {
    const [subjectId = "", version = "", status] = entry.split(" ");
    const about = isBatchId(subjectId) ? { batchId: subjectId } : { generationId: subjectId };
    const subject = await readSubject(options, about);
    const destination = subject && destinationOf(subject);
    if (subject === null || destination === null) {
      await redis.zrem(keys.outbox, entry);
      await quarantine.release("webhook-ending", [entry]);
      return;
    }
    const { tenant, keyId } = subject.record;
    const id = `msg_${subjectId.slice(subjectId.indexOf("_") + 1)}_${version}`;
    const ending = toldEndingSchema.parse(status);
    const createdAtMs = destination.endedAtMs ?? Date.now();
    await webhooks.create(entry, { id, tenant, keyId, ...about, ending, url: destination.url, createdAtMs });
  }

  async function handOverOrPutAside(entry: string): Promise<void> {
    try {
      await handOver(entry);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // It waits for a worker of another release. Those behind it are handed over meanwhile.
      await quarantine.setAside({
        kind: "webhook-ending",
        id: entry,
        error,
        record: recordOf(entry),
        waits: { lists: [keys.outbox], pauseMs: unreadableAfterMs },
        drops: [],
      });
    }
  }

  async function tick(): Promise<void> {
    for (let pages = 0; pages < maxPages; pages++) {
      const claimed = await claim(redis, [keys.outbox], [halfPage, claimMs, furthestMs]);
      const handed = await Promise.allSettled(claimed.map(handOverOrPutAside));
      if (claimed.length > 0) onHandedOver();
      // Those that failed are due again when the claim is over.
      const failed = handed.find((one) => one.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      if (claimed.length < 2 * halfPage) return;
    }
    ticker.wake();
  }

  const onError = (error: unknown) => log.warn({ err: error }, "The outbox of webhooks could not be emptied");
  const ticker = createTicker({ everyMs, tick, onError });

  return {
    /** One tick, now. */
    tick,
    /** Looks at the outbox now: for when a generation has ended here. */
    wake: (): void => ticker.wake(),
    close: (): Promise<void> => ticker.close(),
  };
}

import type { Logger } from "@darkroom/observe";
import { type EndingWaits, type GenerationStore, type Lanes, repeat } from "@darkroom/queue";

export type AbandonerOptions = {
  queue: {
    store: Pick<GenerationStore, "abandon">;
    lanes: Pick<Lanes, "remove">;
    waits: Pick<EndingWaits, "channel" | "isAwaited">;
  };
  log: Logger;
  /** Between rounds while Redis is away, in milliseconds. */
  everyMs?: number;
  /** How long a generation is kept in mind, in milliseconds: a Redis that is away for longer has lost what it had not written. */
  forMs?: number;
};

/** After rounds that failed: what is given up late may have been begun, and is paid for. */
const maxPauseMs = 5_000;

/**
 * Gives up generations whose caller has gone, or was told that they were not accepted: what nobody has begun is canceled, so that
 * nothing is bought for nobody. While Redis is away it is tried again.
 */
export function createAbandoner({ queue, log, everyMs = 1_000, forMs = 60_000 }: AbandonerOptions) {
  const { store, lanes, waits } = queue;
  const pending = new Map<string, { lane: string; untilMs: number }>();
  /** The latest round; it never rejects. */
  let round: Promise<void> = Promise.resolve();

  async function abandonNow(id: string, lane: string): Promise<"canceled" | "kept"> {
    // Another call of this process has part in it, or has come to it since.
    if (waits.isAwaited(id)) return "kept";
    const verdict = await store.abandon(id, lane, waits.channel);
    log.debug({ generationId: id, verdict }, "A generation was given up by its caller");
    if (verdict === "canceled") {
      // Its job does nothing any more; taking it off the lane only saves a worker the look.
      await lanes.remove(lane, id).catch(() => {});
    }
    return verdict;
  }

  async function look(): Promise<void> {
    for (const [id, { lane, untilMs }] of pending) {
      try {
        await abandonNow(id, lane);
        pending.delete(id);
      } catch (error) {
        // Redis is away. The rest of them can wait for the next round, too.
        for (const [late, { untilMs: deadlineMs }] of pending) if (Date.now() >= deadlineMs) pending.delete(late);
        if (Date.now() >= untilMs)
          log.warn({ generationId: id, err: error }, "Redis is away for too long; a generation may run for nobody");
        throw error;
      }
    }
  }

  /** A round once the one before has ended. */
  function nextRound(): Promise<void> {
    const next = round.then(look);
    round = next.catch(() => {});
    return next;
  }

  const repetition = repeat({ everyMs, look: nextRound, maxPauseMs, onError: () => {} });

  return {
    /** Abandons in the background: now, or as soon as Redis answers again. */
    abandon(id: string, lane: string): void {
      pending.set(id, { lane, untilMs: Date.now() + forMs });
      nextRound().catch(() => {});
    },

    /** Abandons at once and says what came of it; throws what Redis throws. */
    abandonNow,

    /** How many are kept in mind. */
    get size(): number {
      return pending.size;
    },

    /** Has a last look. */
    async close(): Promise<void> {
      await repetition.close();
      await nextRound().catch(() => {});
    },
  };
}

export type Abandoner = ReturnType<typeof createAbandoner>;

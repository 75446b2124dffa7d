import { setTimeout as pause } from "node:timers/promises";

export type StorePatience = {
  /** For how long an object is asked for again that the store refuses while it serves others, in milliseconds. */
  patienceMs: number;
  /**
   * Tells an outage from an object that the store refuses: resolves with false where the store serves other objects, and with true, after an
   * outage, when it is back. Is asked after each refusal.
   */
  outlastOutage: () => Promise<boolean>;
  /** Is called at once with what the store refused: an outage that follows may be long, and an operator has to hear of it meanwhile. */
  onRefusal: (error: unknown) => void;
  /** Ends it: what is asked for is not wanted any more. */
  signal: AbortSignal;
};

/** Half a second, then twice as long each time, at most ten: soon after a blip, and no storm for an object that the store does not take. */
const firstPauseMs = 500;
const maxPauseMs = 10_000;

/**
 * Asks the store until it does what it is asked, for what is paid for. An outage takes no patience, however long it is. Throws the last error
 * when an object was refused for `patienceMs` while the store served others, and the reason of the signal.
 */
export async function insistOnStore<T>(call: () => Promise<T>, options: StorePatience): Promise<T> {
  const { patienceMs, outlastOutage, onRefusal, signal } = options;
  let giveUpAtMs = performance.now() + patienceMs;
  let pauseMs = firstPauseMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      onRefusal(error);
      const wasAway = await outlastOutage();
      signal.throwIfAborted();
      if (wasAway) {
        giveUpAtMs = performance.now() + patienceMs;
        pauseMs = firstPauseMs;
        continue;
      }
      if (giveUpAtMs - performance.now() < pauseMs) throw error;
      await pause(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    }
  }
}

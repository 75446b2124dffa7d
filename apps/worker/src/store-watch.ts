import { randomUUID } from "node:crypto";
import { type Logger, type Metrics, createBackoff } from "@darkroom/runtime";
import { orAborted } from "@darkroom/outbound";
import { type ObjectStore, StorageError } from "@darkroom/storage";

export type StoreWatchOptions = {
  store: Pick<ObjectStore, "put" | "head" | "delete">;
  metrics: Pick<Metrics, "storeRefusing">;
  log: Logger;
  /** Milliseconds from any beginning, never back. */
  now?: () => number;
  /** The first pause between two trial writes to a store that refuses, in milliseconds. */
  firstPauseMs?: number;
};

/**
 * How long a write vouches for the next, in milliseconds. A busy worker writes more often than that anyway, so only one that was idle makes
 * a trial write before it buys; and what a minute of a store that has just begun to refuse can cost is one image for each slot.
 */
const vouchesMs = 60_000;

/** A trial write takes milliseconds. Ten seconds are for a store that is busy; one that is slower could not take the images either. */
const trialMs = 10_000;

/** Between two trial writes to a store that refuses: what is held waits no longer than that after its return. */
const usualFirstPauseMs = 1_000;
const maxPauseMs = 5_000;

/**
 * The most bytes of a trial write after a refusal: an image of ordinary size. It is as large as what was refused, because a disk that is
 * full still takes a few bytes, and not larger, because an image may be refused for its size alone.
 */
const largestTrialBytes = 4 * 1024 * 1024;

/**
 * Watches whether the object store takes what is written to it, so that nothing is bought that cannot be stored. Whatever a write was refused
 * with, a trial write of another object tells whether the store is at fault or the object; and a trial write ends the refusal. A trial asks
 * for its object, too: a store that takes an image and does not say so is of no use to the next attempt.
 */
export function createStoreWatch(options: StoreWatchOptions) {
  const { store, metrics, log, now = () => performance.now(), firstPauseMs = usualFirstPauseMs } = options;
  // One object of this process, replaced by each trial: a key that may not delete leaves no more than this.
  const key = `_images/_check/${randomUUID()}`;
  const listeners = new Set<(refusing: boolean) => void>();
  // The store was checked when the process started.
  let wroteAtMs = now();
  let refusal: { sinceMs: number; bytes: number; advice: string; ended: PromiseWithResolvers<void> } | null = null;
  let trial: Promise<boolean> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** Writes so many bytes, and asks for them. False when the store refuses that, which is a refusal from here on. Callers at the same time share one. */
  function tryWrite(bytes: number): Promise<boolean> {
    trial ??= write(bytes).finally(() => (trial = null));
    return trial;
  }

  async function write(bytes: number): Promise<boolean> {
    const signal = AbortSignal.timeout(trialMs);
    try {
      await orAborted(store.put(key, Buffer.alloc(bytes), { contentType: "application/octet-stream", signal }), signal);
      await orAborted(store.head(key), signal);
    } catch (error) {
      refuse(error, bytes);
      return false;
    }
    wroteAtMs = now();
    store.delete([key]).catch((error: unknown) => log.debug({ err: error }, "A trial object could not be removed"));
    return true;
  }

  function refuse(cause: unknown, bytes: number): void {
    const advice = cause instanceof StorageError ? cause.advice : "";
    if (refusal !== null) refusal.advice = advice;
    if (refusal !== null || closed) return;
    refusal = { sinceMs: now(), bytes, advice, ended: Promise.withResolvers() };
    metrics.storeRefusing.set(1);
    log.error(
      { err: cause },
      "The object store refuses what is written to it. This worker begins no generation until it takes a write again",
    );
    for (const tell of listeners) tell(true);
    void untilAccepted();
  }

  async function untilAccepted(): Promise<void> {
    const backoff = createBackoff({ firstMs: firstPauseMs, maxMs: maxPauseMs });
    while (refusal !== null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      timer = setTimeout(resolve, backoff.next());
      await promise;
      if (await tryWrite(refusal.bytes)) accept();
    }
  }

  function accept(): void {
    if (refusal === null) return;
    const { sinceMs, ended } = refusal;
    refusal = null;
    metrics.storeRefusing.set(0);
    log.info({ refusedMs: Math.round(now() - sinceMs) }, "The object store takes writes again");
    for (const tell of listeners) tell(false);
    ended.resolve();
  }

  return {
    /** Notes that an object was written. */
    wrote(): void {
      wroteAtMs = now();
    },

    /** Whether the store refuses everything, after it has refused an object of so many bytes. */
    async refusesAll(bytes: number): Promise<boolean> {
      if (refusal === null) await tryWrite(Math.min(bytes, largestTrialBytes));
      return refusal !== null;
    },

    /** Whether what is bought now can be stored, as far as that can be known. */
    async takesWrites(): Promise<boolean> {
      if (refusal !== null) return false;
      return now() - wroteAtMs < vouchesMs || tryWrite(1);
    },

    /** Resolves when the store takes writes, at once where it does. */
    untilTaking: (): Promise<void> => refusal?.ended.promise ?? Promise.resolve(),

    /** Sentences while the store refuses, with the reason of the latest refusal, else null. */
    fault: (): string | null =>
      refusal === null
        ? null
        : `The object store refuses what is written to it, so no generation is begun. ${refusal.advice}`.trimEnd(),

    /** Calls `tell` with true when the store begins to refuse, and with false when it takes writes again. */
    onChange: (tell: (refusing: boolean) => void): void => void listeners.add(tell),

    /** Ends the trial writes. */
    close(): void {
      closed = true;
      clearTimeout(timer);
      refusal?.ended.resolve();
      refusal = null;
    },
  };
}

export type StoreWatch = ReturnType<typeof createStoreWatch>;

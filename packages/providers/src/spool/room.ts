/**
 * How long one reply waits for room at most. Servers give up a client that reads nothing for a minute (`send_timeout` of nginx is 60 s), and the
 * reply is paid for: after half of that it is read on, beyond what the spool should have.
 */
const usualPatienceMs = 30_000;

/** What waits for room: one reply. */
export type Guest = {
  /** How long it may still wait, in milliseconds. */
  leftMs: number;
  /** Ends its wait. */
  signal: AbortSignal;
  /** The time that its call may take. It stands still during a wait, which is not the upstream's. */
  clock: Clock;
};

export type Clock = { stop(): void; start(): void };

type Waiter = { bytes: number; enter: () => void };

/** Divides a number of bytes among replies. Those that find none wait for each other, in the order in which they came. */
export function createRoom({
  maxBytes,
  patienceMs = usualPatienceMs,
}: {
  maxBytes: number;
  patienceMs?: number | undefined;
}) {
  const waiting = new Set<Waiter>();
  let used = 0;

  /** Lets in those that there is room for. The first one that does not fit keeps its turn. */
  function admit(): void {
    for (const waiter of waiting) {
      if (used + waiter.bytes > maxBytes) return;
      waiter.enter();
    }
  }

  return {
    newGuest: (call: Pick<Guest, "signal" | "clock">): Guest => ({ ...call, leftMs: patienceMs }),

    /** Takes room, and waits for it where there is none. Throws the reason of the guest's signal. */
    async take(bytes: number, guest: Guest): Promise<void> {
      if ((waiting.size === 0 && used + bytes <= maxBytes) || guest.leftMs <= 0) {
        used += bytes;
        return;
      }
      const sinceMs = performance.now();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = {
        bytes,
        enter() {
          waiting.delete(waiter);
          used += bytes;
          resolve();
        },
      };
      const onAbort = () => {
        waiting.delete(waiter);
        reject(guest.signal.reason);
        admit();
      };
      guest.signal.throwIfAborted();
      waiting.add(waiter);
      const timer = setTimeout(waiter.enter, guest.leftMs);
      guest.signal.addEventListener("abort", onAbort, { once: true });
      guest.clock.stop();
      try {
        await promise;
      } finally {
        guest.clock.start();
        clearTimeout(timer);
        guest.signal.removeEventListener("abort", onAbort);
        guest.leftMs -= performance.now() - sinceMs;
      }
    },

    /** Gives room back, to those that wait for it. */
    give(bytes: number): void {
      used -= bytes;
      admit();
    },

    usedBytes: (): number => used,
  };
}

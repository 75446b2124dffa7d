/**
 * How long one reply waits for room at most before it may have more than there is. Servers give up a client that reads nothing for a minute
 * (`send_timeout` of nginx is 60 s), and the reply is paid for.
 */
const usualPatienceMs = 30_000;

/** What has room together, and waits for it together. */
export type Party = {
  /** How long it may still wait, in milliseconds. */
  leftMs: number;
  /** The room that it has. */
  heldBytes: number;
};

/** What takes room: the bytes of one reply. */
export type Guest = {
  party: Party;
  /** Ends its wait. */
  signal: AbortSignal;
  /** The time that its call may take. It stands still during a wait, which is not the upstream's. */
  clock: Clock;
};

export type Clock = { stop(): void; start(): void };

export type RoomOptions = {
  maxBytes: number;
  patienceMs?: number | undefined;
  /**
   * Who may have more than there is once its patience is over: every party, where more than `maxBytes` does no harm at once; or one party at a
   * time, until it has given all of its room back. The others then go on waiting, so that there is never more than `maxBytes` and one party.
   */
  beyond: "all" | "one";
};

type Waiter = { bytes: number; party: Party; enter: () => void };

/** Divides a number of bytes among parties. Those that find none wait for each other, in the order in which they came. */
export function createRoom({ maxBytes, patienceMs = usualPatienceMs, beyond }: RoomOptions) {
  const waiting = new Set<Waiter>();
  let used = 0;
  /** The party that has more than there is, where that is one at a time. */
  let exception: Party | undefined;

  const mayExceed = (party: Party) =>
    party.leftMs <= 0 && (beyond === "all" || exception === undefined || exception === party);

  function enter(bytes: number, party: Party): void {
    used += bytes;
    party.heldBytes += bytes;
    if (used > maxBytes) exception = party;
  }

  /** Lets in those that there is room for. The first one that does not fit keeps its turn. */
  function admit(): void {
    for (const waiter of waiting) {
      if (used + waiter.bytes > maxBytes) break;
      waiter.enter();
    }
    for (const waiter of waiting) if (mayExceed(waiter.party)) waiter.enter();
  }

  return {
    newParty: (): Party => ({ leftMs: patienceMs, heldBytes: 0 }),

    /** Takes room, and waits for it where there is none. Throws the reason of the guest's signal. */
    async take(bytes: number, { party, signal, clock }: Guest): Promise<void> {
      if ((waiting.size === 0 && used + bytes <= maxBytes) || mayExceed(party)) {
        enter(bytes, party);
        return;
      }
      signal.throwIfAborted();
      const sinceMs = performance.now();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = {
        bytes,
        party,
        enter() {
          waiting.delete(waiter);
          enter(bytes, party);
          resolve();
        },
      };
      const onAbort = () => {
        waiting.delete(waiter);
        reject(signal.reason);
        admit();
      };
      const onPatienceOver = () => {
        party.leftMs = 0;
        admit();
      };
      waiting.add(waiter);
      const timer = setTimeout(onPatienceOver, Math.max(party.leftMs, 0));
      signal.addEventListener("abort", onAbort, { once: true });
      clock.stop();
      try {
        await promise;
      } finally {
        clock.start();
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        party.leftMs -= performance.now() - sinceMs;
      }
    },

    /** Gives room back, to those that wait for it. */
    give(bytes: number, party: Party): void {
      used -= bytes;
      party.heldBytes -= bytes;
      if (exception === party && party.heldBytes <= 0) exception = undefined;
      admit();
    },

    usedBytes: (): number => used,
    waiting: (): number => waiting.size,
  };
}

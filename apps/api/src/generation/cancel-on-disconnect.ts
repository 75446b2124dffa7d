import { type Logger, createTicker } from "@darkroom/runtime";
import { type GenerationStore, type Leaving } from "@darkroom/generations";
import { type Lanes } from "@darkroom/queue";

/** A caller of this process, and the generation whose answer it waits for. */
export type Waiting = { id: string; lane: string; caller: string };

export type DisconnectsOptions = {
  queue: { generations: Pick<GenerationStore, "leave" | "attachedTo" | "readLane">; lanes: Pick<Lanes, "remove"> };
  log: Logger;
  /** Between rounds while Redis is away, in milliseconds. */
  everyMs?: number;
  /** How long the report of a disconnect is retried, in milliseconds. */
  forMs?: number;
  /** How many disconnects wait for a retry at most. */
  most?: number;
};

/** For so long an equal request may get a generation that has ended (`callers.lua`). Later the set of callers is not needed. */
const usualForMs = 900_000;
/** Some 300 bytes each. A process that cannot reach Redis refuses requests, and each of these is a disconnect to report. */
const usualMost = 100_000;
/** After so many failures in a row Redis must be away, and the round ends. The next round goes on. */
const maxFailures = 10;

/** The longest pause after failed rounds. A generation whose disconnect is reported late may have begun, and is paid for. */
const maxPauseMs = 5_000;

/**
 * Reports to the queue how callers leave: answered, disconnected, or told to come back. When a client disconnects, its generation is canceled
 * if it has not begun and no other caller waits for it, so that no image is bought without a caller. A generation that no caller was
 * answered with may go to the next equal request. While Redis is away, the report is retried.
 */
export function createDisconnects({
  queue,
  log,
  everyMs = 1_000,
  forMs = usualForMs,
  most = usualMost,
}: DisconnectsOptions) {
  const { generations, lanes } = queue;
  type Departure = { untilMs: number; tell: () => Promise<unknown> };
  /** Disconnects that are not reported to Redis yet. */
  const pending = new Set<Departure>();
  /** Disconnects whose report is running. */
  const telling = new Set<Promise<void>>();

  async function tell({ id, lane, caller }: Waiting, how: Leaving): Promise<"canceled" | "kept"> {
    const verdict = await generations.leave(id, lane, caller, how);
    if (how !== "answered" && how !== "accepted")
      log.debug({ generationId: id, how, verdict }, "A caller has left before its answer");
    // Its job has no effect any more. Its removal only saves a worker a read.
    if (verdict === "canceled") await lanes.remove(lane, id).catch(() => {});
    return verdict;
  }

  function forget(some: readonly Departure[], error: unknown): void {
    for (const one of some) pending.delete(one);
    if (some.length === 0) return;
    log.warn({ err: error, callers: some.length }, "Redis is away for too long; a generation may run without a caller");
  }

  /** Keeps a report that failed, for a retry. */
  function keep(departure: Departure, error: unknown): void {
    pending.add(departure);
    if (pending.size > most) forget([...pending].slice(0, 1), error);
  }

  /** Reports at once, because the caller's next request may follow at once. Where Redis does not answer, it is retried. */
  function tellInBackground(tellOnce: () => Promise<unknown>): void {
    const departure = { untilMs: performance.now() + forMs, tell: tellOnce };
    const told = tellOnce().then(
      () => {},
      (error: unknown) => keep(departure, error),
    );
    telling.add(told);
    void told.finally(() => telling.delete(told));
  }

  /**
   * A failed report does not stop the others. It comes last in the next round: so many reports may fail for what is stored of their
   * generations that they alone would end each round.
   */
  async function tick(): Promise<void> {
    let failures = 0;
    const round = [...pending];
    for (const departure of round) {
      if (!pending.has(departure)) continue;
      try {
        await departure.tell();
        pending.delete(departure);
        failures = 0;
      } catch (error) {
        if (pending.delete(departure)) pending.add(departure);
        const isOver = ({ untilMs }: Departure) => performance.now() >= untilMs;
        if (++failures < maxFailures) {
          forget([departure].filter(isOver), error);
          continue;
        }
        forget([...pending].filter(isOver), error);
        throw error;
      }
    }
  }

  const ticker = createTicker({ everyMs, tick, maxPauseMs, onError: () => {} });

  return {
    /** Reports in the background: now, or as soon as Redis answers again. */
    leave: (waiting: Waiting, how: Leaving): void => tellInBackground(() => tell(waiting, how)),

    /** Reports, and answers the result. Throws the errors of Redis. */
    leaveNow: tell,

    /** Reports, in the background, the caller of a submission with an unknown result: it may have created a generation, or found one. */
    giveUp: (submission: Waiting): void =>
      tellInBackground(async () => {
        const found = await generations.attachedTo(submission.id);
        if (found === null) return tell(submission, "cut");
        const lane = (await generations.readLane(found)) ?? submission.lane;
        return tell({ ...submission, id: found, lane }, "cut");
      }),

    /** How many reports are left. */
    get size(): number {
      return pending.size + telling.size;
    },

    /** Ticks once more. */
    async close(): Promise<void> {
      await Promise.all(telling);
      await ticker.close();
      await tick().catch(() => {});
    },
  };
}

export type Disconnects = ReturnType<typeof createDisconnects>;

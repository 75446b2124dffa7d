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
  /** How long a departure is kept in mind, in milliseconds. */
  forMs?: number;
  /** How many disconnects are kept in mind. */
  most?: number;
};

/** For so long an equal request may be given a generation that has ended (`callers.lua`). Later the set of callers is not needed. */
const usualForMs = 900_000;
/** Some 300 bytes each. A process that cannot reach Redis refuses requests, and each of them is a departure. */
const usualMost = 100_000;
/** So many failures one after the other are no fault of what is told: Redis is away, and the next round goes on. */
const maxFailures = 10;

/** After rounds that failed: what is given up late may have been begun, and is paid for. */
const maxPauseMs = 5_000;

/**
 * Tells the queue how callers leave: answered, cut off, or put off until later. A generation that has not begun and that no other caller
 * waits for is canceled, so that no image is bought without a caller. One that no caller was answered with may be given to the next equal
 * request. While Redis is away, the report is repeated.
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
  /** Those that Redis has not been told of. */
  const pending = new Set<Departure>();
  /** Those that Redis is being told of. */
  const telling = new Set<Promise<void>>();

  async function tell({ id, lane, caller }: Waiting, how: Leaving): Promise<"canceled" | "kept"> {
    const verdict = await generations.leave(id, lane, caller, how);
    if (how === "cut" || how === "later")
      log.debug({ generationId: id, how, verdict }, "A caller has left before its answer");
    // Its job does nothing any more; taking it off the lane only saves a worker the look.
    if (verdict === "canceled") await lanes.remove(lane, id).catch(() => {});
    return verdict;
  }

  function forget(some: readonly Departure[], error: unknown): void {
    for (const one of some) pending.delete(one);
    if (some.length === 0) return;
    log.warn({ err: error, callers: some.length }, "Redis is away for too long; a generation may run without a caller");
  }

  /** Keeps in mind one that Redis could not be told of. */
  function keep(departure: Departure, error: unknown): void {
    pending.add(departure);
    if (pending.size > most) forget([...pending].slice(0, 1), error);
  }

  /** Tells at once, since the caller's next request may be on its way; where Redis does not answer, again later. */
  function tellInBackground(tellOnce: () => Promise<unknown>): void {
    const departure = { untilMs: performance.now() + forMs, tell: tellOnce };
    const told = tellOnce().then(
      () => {},
      (error: unknown) => keep(departure, error),
    );
    telling.add(told);
    void told.finally(() => telling.delete(told));
  }

  /** One that cannot be told does not keep the others from it. */
  async function tick(): Promise<void> {
    let failures = 0;
    for (const departure of pending) {
      try {
        await departure.tell();
        pending.delete(departure);
        failures = 0;
      } catch (error) {
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
    /** Tells in the background: now, or as soon as Redis answers again. */
    leave: (waiting: Waiting, how: Leaving): void => tellInBackground(() => tell(waiting, how)),

    /** Tells and says what came of it; throws what Redis throws. */
    leaveNow: tell,

    /** Gives up in the background a submission with an unknown result: it may have made a generation, or found one. */
    giveUp: (submission: Waiting): void =>
      tellInBackground(async () => {
        const found = await generations.attachedTo(submission.id);
        if (found === null) return tell(submission, "cut");
        const lane = (await generations.readLane(found)) ?? submission.lane;
        return tell({ ...submission, id: found, lane }, "cut");
      }),

    /** How many Redis has not been told of. */
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

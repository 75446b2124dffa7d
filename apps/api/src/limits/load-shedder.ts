import type { ServerResponse } from "node:http";
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { ApiError } from "@darkroom/contracts";
import type { FastifyUnderPressureOptions } from "@fastify/under-pressure";

export type LoadShedderOptions = {
  /** How many requests may be in hand at a time, whether they wait for their turn or for their images. */
  maxHeldRequests: number;
  /** Whether the process lags, or is short of memory. */
  isOverloaded: () => boolean;
  /**
   * How many submissions may be on their way to Redis at a time. A hundred keep it busy: a process accepts 800 to 1,600 a second on a
   * core, so each takes about a tenth of a second, far from the 2 s after which a command fails.
   */
  maxSubmitting?: number;
  /** How long a request waits for its turn, in milliseconds. After that a retry, which may reach another process, is more likely to succeed. */
  maxWaitMs?: number;
  /** From 0 to 1. */
  random?: () => number;
};

type Waiting = { begin: () => void };

/** Jitter, so that callers that were refused together do not return together: OpenAI's SDKs wait for exactly `Retry-After`. */
const retryAfterMs = { least: 1_000, spread: 4_000 };

/**
 * Load shedding: refuses requests that this process has no room for, before they are accepted. A refused caller has bought nothing and may
 * retry. `hold` comes before the body is read, `inTurn` before the submission.
 */
export function createLoadShedder(options: LoadShedderOptions) {
  const { maxHeldRequests, isOverloaded, maxSubmitting = 100, maxWaitMs = 5_000, random = Math.random } = options;
  const waiting = new Set<Waiting>();
  let held = 0;
  let submitting = 0;

  const overloaded = () =>
    new ApiError("overloaded", "This server is handling too many requests. Send this one again later.", {
      retryAfterMs: retryAfterMs.least + Math.round(random() * retryAfterMs.spread),
    });

  function endTurn(): void {
    const [next] = waiting;
    if (next === undefined) submitting--;
    else next.begin();
  }

  async function waitForTurn(response: ServerResponse): Promise<void> {
    if (submitting < maxSubmitting) {
      submitting++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Taken off the list at once: the next turn that ends is another's.
    const entry: Waiting = {
      begin: () => {
        waiting.delete(entry);
        resolve();
      },
    };
    const giveUp = () => {
      waiting.delete(entry);
      reject(overloaded());
    };
    waiting.add(entry);
    const timer = setTimeout(giveUp, maxWaitMs);
    response.once("close", giveUp);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      response.off("close", giveUp);
    }
  }

  function hold(response: ServerResponse): boolean {
    // The close of one that is closed is not told any more.
    if (held >= maxHeldRequests || response.closed || isOverloaded()) return false;
    held++;
    response.once("close", () => held--);
    return true;
  }

  return {
    /** How many requests are in hand. */
    get held(): number {
      return held;
    },

    /** Counts a request among those in hand until its answer is out or its caller has gone. False: there is no room for it. */
    hold,

    /** The same for a request that needs a place: throws `ApiError` where there is none. */
    holdOrRefuse(response: ServerResponse): void {
      if (!hold(response)) throw overloaded();
    },

    /** Calls `submit` at the request's turn. Throws `ApiError` where the turn does not come in time, or the client has disconnected. */
    async inTurn<T>(response: ServerResponse, submit: () => Promise<T>): Promise<T> {
      await waitForTurn(response);
      try {
        return await submit();
      } finally {
        endTurn();
      }
    },
  };
}

export type LoadShedder = ReturnType<typeof createLoadShedder>;

/** The usable share of the memory. Garbage collection and current requests need the rest. */
const memoryShare = 0.9;

/** The limit of the container that the process runs in, in bytes; 0, which is no limit, where it is in none. */
function containerLimit(): number {
  const limit = process.constrainedMemory();
  return limit < totalmem() ? limit * memoryShare : 0;
}

/** The thresholds of `@fastify/under-pressure` above which a process accepts no new work. */
export const pressureLimits: FastifyUnderPressureOptions = {
  // In milliseconds. A process that stands still once for four seconds, as it does while modules are loaded on a busy machine, is not
  // overloaded: of a second it would be.
  sampleInterval: 5_000,
  // The mean of those five seconds, in milliseconds: the event loop has come round ten times. Bounded submissions keep it far below.
  maxEventLoopDelay: 500,
  maxHeapUsedBytes: getHeapStatistics().heap_size_limit * memoryShare,
  maxRssBytes: containerLimit(),
  // It is checked only for new work. Probes, metrics and current requests go on.
  pressureHandler: () => undefined,
};

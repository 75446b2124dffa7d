import { randomBytes } from "node:crypto";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import pTimeout from "p-timeout";
import { z } from "zod";
import { defineScript } from "../define-script.ts";
import type { Keys } from "../key-names.ts";
import { createTaskHold, type OwnedTaskOptions, type TaskHold } from "./task-hold.ts";

/** A task that Redis says this worker holds. */
type HeldTask = { task: string; fence: string; isToYield: boolean };

const holdScript = defineScript(new URL("../scripts/hold-task-leases.lua", import.meta.url), z.array(z.string()));

/** After so long without a renewal other workers take the tasks. A worker that is busy may renew some seconds late. */
const defaultLeaseMs = 5_000;
/** Two renewals may fail. The tasks of a worker that was killed stand still for a lease and a renewal, 6.5 seconds. */
const defaultRenewEveryMs = 1_500;
/**
 * Workers that take part in a task, however large the fleet is: each takes over from the others, and each costs Redis a renewal every 1.5 s.
 * With four, all of them must die at a time before nobody is there to take over at once.
 */
const defaultWorkersPerTask = 4;
/** A worker that is not needed asks again with each third renewal, every 4.5 s: a fleet whose four workers die has others within ten seconds. */
const renewalsOnStandby = 3;
/** The longest pause after renewals that Redis refused. After the refusals the tasks stand still for no longer than that. */
const maxRefusedPauseMs = 5_000;
/** After so many failed ticks the fault may be this worker's own, such as a network that does not lead to the store. */
const failuresInARow = 3;
/**
 * How long a worker leaves a task whose ticks fail to the others, which need two renewals to take it. The time doubles with each further
 * failure. A worker that has no others tries no less often than a loop does that backs off.
 */
const restMs = 10_000;
const maxRestMs = 30_000;
/**
 * A tick that takes longer hangs, or has more to do than one turn: it is told to end, and then the task goes on here or in another worker.
 * Its longest step is a call to the store with its repetitions, which takes a few minutes where the store is slow.
 */
const defaultMaxTickMs = 600_000;
/** How long a stop waits for ticks that were broken off, and then for Redis to hear that the tasks are free. */
const closeWithinMs = 1_000;

export type TaskLeasesOptions = {
  redis: Redis;
  keys: Pick<Keys, "taskLeases" | "taskWorkers">;
  log: Pick<Logger, "warn">;
  /** How long a lease lasts that is not renewed, in milliseconds. The same for all workers. */
  leaseMs?: number;
  /** How often all leases of this worker are renewed, in milliseconds. */
  renewEveryMs?: number;
  /** How many workers take part in a task. The others stand by. The same for all workers. */
  workersPerTask?: number;
  /** How long a tick may take before it is told to end, in milliseconds. A lease later the task is given to another worker in any case. */
  maxTickMs?: number;
};

/** A kind of tasks that this worker takes part in. */
export type OwnedTask = {
  /** Ticks the parts that this worker holds, at once. */
  wake: () => void;
  /** The parts that this worker holds now. */
  parts: () => string[];
  /** Breaks off the work on the parts that this worker holds, and gives them back. Takes two seconds at most. */
  close: () => Promise<void>;
};

/**
 * Gives each background task of the fleet, such as recovery of one lane or removal of one slice, to one worker at a time. A worker names the
 * tasks that it can do, and ticks those that it holds:
 *
 *     const removal = leases.own({
 *       kind: "removal",
 *       parts: ["0", "1", "2", "3"],
 *       everyMs: 10_000,
 *       tick: async ({ part, isHeld }) => { while (isHeld() && (await removePage(part))) {} },
 *       onError: (error, { part }) => log.warn({ slice: part, err: error }, "…"),
 *     });
 *     closes.add("the removal", () => removal.close());
 *
 * One call to Redis renews all leases of a worker, however many. The tasks of each kind are spread evenly over the workers that take part: four
 * of those that can do a task, in a fleet of any size. The others stand by, and ask now and then whether they are needed. A worker that takes
 * part has its share after two renewals. A worker that stops gives its tasks back at once. The tasks of a worker that was killed, is
 * frozen, or is cut off from Redis are taken over when its lease has run out; it learns of that when it asks `isHeld`. Two workers may
 * work on a task for a moment. A task that cannot bear that checks the fence in its scripts: see `TaskLease.fence`.
 */
export function createTaskLeases(options: TaskLeasesOptions) {
  const { redis, keys, log, leaseMs = defaultLeaseMs, renewEveryMs = defaultRenewEveryMs } = options;
  const { workersPerTask = defaultWorkersPerTask, maxTickMs = defaultMaxTickMs } = options;
  const worker = randomBytes(9).toString("base64url");
  /** Task → what this worker does of it. */
  const offered = new Map<string, OwnedTaskOptions>();
  const holds = new Map<string, TaskHold>();
  /** Tasks whose last tick goes on although the lease is lost. Until it has ended, this worker takes no new lease on the task. */
  const stillTicking = new Set<string>();
  /** Tasks whose ticks fail here: how often in a row, and until when they are left to other workers, by `performance.now()`. */
  const failing = new Map<string, { failures: number; restsUntilMs: number }>();
  /** Tasks to give back with the next renewal. */
  const givenBack = new Set<string>();
  /** Until when all leases of this worker last, by `performance.now()`. */
  let leaseEndMs = 0;
  let leaseEnd: NodeJS.Timeout | undefined;
  /** Renewals that are left out because this worker stands by. */
  let leftOut = 0;

  function lose(lost: readonly (readonly [string, TaskHold])[]): void {
    if (lost.length === 0) return;
    const tasks = lost.map(([task]) => task);
    log.warn({ tasks }, "The leases on background tasks were not renewed in time; other workers take the tasks over");
    for (const [task, hold] of lost) {
      holds.delete(task);
      hold.end("lost");
      leaveTicking(task, hold);
    }
  }

  /** The lease is renewed until the last tick has ended. */
  async function giveBack(task: string, hold: TaskHold): Promise<void> {
    hold.end("to yield");
    await hold.settled();
    if (holds.get(task) !== hold) return;
    holds.delete(task);
    givenBack.add(task);
    renewals.wake();
  }

  /** Notes a tick that failed. After several, the task is left to the other workers for a while: what fails here may be no fault of theirs. */
  function noteFailure(task: string, hold: TaskHold, everyMs: number): void {
    const failures = (failing.get(task)?.failures ?? 0) + 1;
    const isToRest = failures >= failuresInARow;
    const pauseMs = Math.max(Math.min(restMs * 2 ** (failures - failuresInARow), maxRestMs), everyMs);
    failing.set(task, { failures, restsUntilMs: isToRest ? performance.now() + pauseMs : 0 });
    if (isToRest) void giveBack(task, hold);
  }

  /** Ends a tick that takes too long, and gives the task back when it has ended, or when it does not end. */
  async function cutShort(task: string, hold: TaskHold): Promise<void> {
    hold.end("overlong");
    const hasEnded = await pTimeout(
      hold.settled().then(() => true),
      { milliseconds: leaseMs, fallback: () => false },
    );
    if (holds.get(task) !== hold) return;
    if (!hasEnded) {
      log.warn(
        { task, tickMs: maxTickMs },
        "The work on a background task does not end; other workers take the task over",
      );
      leaveTicking(task, hold);
    }
    holds.delete(task);
    givenBack.add(task);
    renewals.wake();
  }

  function leaveTicking(task: string, hold: TaskHold): void {
    stillTicking.add(task);
    void hold.settled().then(() => stillTicking.delete(task));
  }

  const mayTake = (task: string) =>
    !stillTicking.has(task) && performance.now() >= (failing.get(task)?.restsUntilMs ?? 0);

  function take(own: OwnedTaskOptions, { task, fence }: Pick<HeldTask, "task" | "fence">): void {
    const hold = createTaskHold(own, {
      task,
      fence,
      leaseEndMs: () => leaseEndMs,
      maxTickMs,
      onSuccess: () => failing.delete(task),
      onFailure: () => noteFailure(task, hold, own.everyMs),
      onOverlong: () => void cutShort(task, hold),
    });
    holds.set(task, hold);
  }

  /** Answers null where this worker stands by. */
  async function callScript(tasks: readonly string[]): Promise<HeldTask[] | null> {
    const args = [worker, leaseMs, tasks.join(" "), [...givenBack].join(" "), workersPerTask];
    givenBack.clear();
    const answer = await holdScript(redis, [keys.taskLeases, keys.taskWorkers], args);
    if (answer[2] === "standby") return null;
    return Array.from({ length: answer.length / 3 }, (_, i) => {
      const [task = "", fence = "", state] = answer.slice(3 * i, 3 * i + 3);
      return { task, fence, isToYield: state === "yield" };
    });
  }

  function follow({ task, fence, isToYield }: HeldTask): void {
    const own = offered.get(task);
    const hold = holds.get(task);
    if (isToYield) {
      if (hold === undefined) givenBack.add(task);
      else if (!hold.lease.signal.aborted) void giveBack(task, hold);
    } else if (own !== undefined && hold === undefined && !givenBack.has(task) && mayTake(task)) {
      take(own, { task, fence });
    }
  }

  async function renew(): Promise<void> {
    if (leftOut > 0) {
      leftOut--;
      return;
    }
    const askedAtMs = performance.now();
    const answer = await callScript([...offered.keys()].filter((task) => holds.has(task) || mayTake(task)));
    if (answer === null) leftOut = renewalsOnStandby - 1;
    const held = answer ?? [];
    // Redis was away for so long that the answer is of the past.
    if (performance.now() >= askedAtMs + leaseMs) return;
    leaseEndMs = askedAtMs + leaseMs;
    clearTimeout(leaseEnd);
    leaseEnd = setTimeout(() => lose([...holds]), leaseEndMs - performance.now());
    const fences = new Map(held.map(({ task, fence }) => [task, fence]));
    lose([...holds].filter(([task, hold]) => fences.get(task) !== hold.lease.fence));
    for (const one of held) follow(one);
  }

  const renewals = createTicker({
    everyMs: renewEveryMs,
    tick: renew,
    maxPauseMs: maxRefusedPauseMs,
    onError: (error) => log.warn({ err: error }, "The leases on background tasks could not be renewed"),
  });
  const renewNow = () => {
    leftOut = 0;
    renewals.wake();
  };
  const onReady = () => {
    // What has failed may have failed for the outage.
    failing.clear();
    renewNow();
  };
  redis.on("ready", onReady);

  /** Breaks off the work on tasks, and gives them back. */
  async function stop(tasks: readonly string[], tellRedis: () => Promise<unknown>): Promise<void> {
    const stopped = tasks.flatMap((task) => holds.get(task) ?? []);
    for (const hold of stopped) hold.end("stopping");
    await within(Promise.all(stopped.map((hold) => hold.settled())));
    for (const task of tasks) {
      offered.delete(task);
      holds.delete(task);
    }
    // Where this fails, the leases run out.
    await within(tellRedis().catch(() => {}));
  }

  return {
    /** Takes part in a kind of tasks from now on. Call it once for each kind. */
    own(own: OwnedTaskOptions): OwnedTask {
      const tasks = own.parts.map((part) => `${own.kind}:${part}`);
      for (const task of tasks) offered.set(task, own);
      renewNow();
      const held = () => tasks.flatMap((task) => holds.get(task) ?? []);
      return {
        wake: () => {
          for (const hold of held()) hold.wake();
        },
        parts: () => held().map(({ lease }) => lease.part),
        close: () =>
          stop(tasks, async () => {
            leftOut = 0;
            await renew();
          }),
      };
    },

    /** Breaks off all work, gives all tasks back, and takes no more. Takes three seconds at most. */
    async close(): Promise<void> {
      redis.off("ready", onReady);
      await renewals.close();
      await stop([...offered.keys()], () => callScript([]));
      clearTimeout(leaseEnd);
    },
  };
}

export type TaskLeases = ReturnType<typeof createTaskLeases>;

const within = (work: Promise<unknown>) => pTimeout(work, { milliseconds: closeWithinMs, fallback: () => {} });

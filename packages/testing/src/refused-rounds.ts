import type { EventEmitter } from "node:events";
import { usedHeapBytes } from "./used-heap.ts";

const rounds = 1_000;

/** Timers and handles that tests and connections hold for themselves come and go. What each round left behind would be a thousand. */
const strayHandles = 50;

/** An entry of a map with a small object, the least that was found to be left, takes 340. */
const maxBytesPerRound = 200;
/** What the engine keeps for itself grows by some hundred kilobytes now and then. What each round leaves grows every time. */
const measurements = 3;

/** Something that a test can replace by a refusal, and count. */
export type Refusals = {
  /** Refuses once. */
  refuse: () => Promise<never>;
  /** How often it has refused so far. */
  count: () => number;
};

/** @param error makes the error of each refusal */
export function createRefusals(error = () => new Error("refused")): Refusals {
  let count = 0;
  return {
    refuse: async () => {
      count++;
      throw error();
    },
    count: () => count,
  };
}

export type RefusedRounds = {
  /** One round of a loop. Whether it throws does not matter, but something must be refused in each. */
  round: () => Promise<unknown>;
  refusals: Pick<Refusals, "count">;
  /** Connections and others whose listeners are counted. */
  emitters?: readonly EventEmitter[];
  /** Resolves when nothing of the rounds so far is under way any more. Left out: a round is over when it says so. */
  settled?: () => Promise<void>;
};

const countHandles = () => process.getActiveResourcesInfo().length;

const countListeners = (emitters: readonly EventEmitter[]) =>
  emitters.flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name))).reduce(add, 0);

const add = (a: number, b: number) => a + b;

/** Has a round refused 1,000 times, then 2,000 times more. Answers what these have left: handles and timers, listeners, heap. */
export async function leftByRefusals({ round, refusals, emitters = [], settled }: RefusedRounds): Promise<string[]> {
  async function again(): Promise<void> {
    const before = refusals.count();
    for (let i = 0; i < rounds; i++) await round().catch(() => {});
    if (refusals.count() - before < rounds) throw new Error("Not every round was refused");
    await settled?.();
  }

  // What a first round builds stays for the next ones.
  await again();
  const before = { handles: countHandles(), listeners: countListeners(emitters) };
  /** How much the heap grew by, in bytes for each round, the least that was measured. */
  let growth = Infinity;
  for (let i = 0; i < measurements && growth > maxBytesPerRound; i++) {
    const bytes = await usedHeapBytes();
    await again();
    await again();
    growth = Math.min(growth, ((await usedHeapBytes()) - bytes) / (2 * rounds));
  }
  const handles = countHandles() - before.handles;
  const listeners = countListeners(emitters) - before.listeners;
  return [
    handles > strayHandles && `${handles} handles and timers`,
    listeners > 0 && `${listeners} listeners`,
    growth > maxBytesPerRound && `${Math.round(growth)} bytes for each round`,
  ].filter((left) => left !== false);
}

/** Has a connection refuse every command, as a Redis whose user lost its rights does, until the end of the scope. */
export function refuseCommands(redis: { sendCommand: (command: never) => unknown }): Refusals & Disposable {
  const refusals = createRefusals(() => new Error("NOPERM this user has no permissions to run the command"));
  const { sendCommand } = redis;
  // Not by a spy, which would keep every call.
  redis.sendCommand = ({ promise, reject }: { promise: Promise<unknown>; reject: (error: unknown) => void }) => {
    refusals.refuse().catch(reject);
    return promise;
  };
  return { ...refusals, [Symbol.dispose]: () => void (redis.sendCommand = sendCommand) };
}

import type { ChildProcess } from "node:child_process";

/** Breaks a process that holds a task, and returns what mends it. `cut` takes its line to Redis away. */
export type BreakOwner = (owner: ChildProcess, cut: () => void) => () => void;

/** What may befall a process in the middle of a task of the fleet, by what a test's title says of it. */
export const ownerFaults: Readonly<Record<string, BreakOwner>> = {
  killed: (owner) => {
    owner.kill("SIGKILL");
    return () => {};
  },
  frozen: (owner) => {
    owner.kill("SIGSTOP");
    return () => void owner.kill("SIGCONT");
  },
  "cut off from Redis": (_, cut) => {
    cut();
    return () => {};
  },
};

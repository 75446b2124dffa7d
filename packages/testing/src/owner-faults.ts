import { type ChildProcess, spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { childEnvironment } from "./child-environment.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

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

/**
 * Starts a process that takes part in a task of the fleet, which is killed after the test. `isOwner` resolves when it writes `owner`, because
 * it is in the middle of the task.
 */
export function startOwner(program: string, args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { env: childEnvironment() });
  onTestFinished(() => void child.kill("SIGKILL"));
  const { promise: isOwner, resolve } = Promise.withResolvers<void>();
  child.stdout.on("data", (chunk: Buffer) => {
    if (chunk.toString().includes("owner")) resolve();
  });
  return { process: child, isOwner };
}

export type BrokenOwnerOptions = {
  program: string;
  redisUrl: string;
  /** What the program is given after the URL of Redis. It waits in the middle of the task, and says so. */
  args: readonly string[];
  breakDown: BreakOwner;
};

/** Starts the owner of a task, and breaks it in the middle. Returns what mends it. */
export async function startBrokenOwner({
  program,
  redisUrl,
  args,
  breakDown,
}: BrokenOwnerOptions): Promise<{ mend: () => void }> {
  const proxy = await startTcpProxy(redisUrl);
  onTestFinished(proxy.close);
  const owner = startOwner(program, [proxy.url, ...args]);
  await owner.isOwner;
  const mend = breakDown(owner.process, proxy.blackhole);
  return {
    mend(): void {
      mend();
      proxy.restore();
    },
  };
}

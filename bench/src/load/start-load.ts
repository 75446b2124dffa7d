import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadMessage, LoadPlan, LoadResult } from "./load-plan.ts";

export type Load = {
  pid: number;
  /** Begins the measurement; resolves with one result for each name of the plan's targets. */
  go(): Promise<{ results: LoadResult[]; elapsedMs: number }>;
  /** Ends the measurement before its time: what has been sent is still waited for. */
  stop(): void;
};

/** Starts the load generator and resolves when it has warmed up. */
export async function startLoad(plan: LoadPlan): Promise<Load> {
  const child = fork(fileURLToPath(new URL("load-generator.ts", import.meta.url)));
  const { pid } = child;
  if (pid === undefined) throw new Error("The load generator could not be started");
  const next = async <K extends LoadMessage["kind"]>(kind: K): Promise<Extract<LoadMessage, { kind: K }>> => {
    const ended = once(child, "exit").then(() => {
      throw new Error("The load generator ended before it was done");
    });
    const [message]: LoadMessage[] = await Promise.race([once(child, "message"), ended]);
    if (message?.kind === "error") throw new Error(`The load generator failed: ${message.message}`);
    if (message?.kind !== kind) throw new Error(`The load generator said ${message?.kind} instead of ${kind}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its kind was compared just now
    return message as Extract<LoadMessage, { kind: K }>;
  };
  const warm = next("warm");
  child.send(plan);
  await warm;
  return {
    pid,
    async go() {
      const done = next("done");
      child.send("go");
      return done;
    },
    stop: () => void child.send("stop"),
  };
}

import { onTestFinished } from "vitest";
import { joinFleet, type JoinFleetOptions } from "./join-fleet.ts";
import type { ProcessFacts } from "./process-facts.ts";

type JoinWorkerOptions = Pick<JoinFleetOptions, "redis" | "keys" | "everyMs"> & {
  /** What the worker says of its only lane now. */
  slots: () => ProcessFacts["lanes"][number];
};

/** Has a worker of one lane join a fleet. It leaves when the test has finished. */
export async function joinWorker({ slots, ...options }: JoinWorkerOptions): Promise<void> {
  const member = await joinFleet({
    ...options,
    name: "worker-1",
    facts: () => ({
      kind: "worker",
      host: "node-1",
      pid: 1,
      version: "0.1.0",
      state: "running",
      active: slots().active,
      lanes: [slots()],
    }),
    onDrain: () => {},
    log: { info() {}, warn() {} },
  });
  onTestFinished(() => member.close());
}

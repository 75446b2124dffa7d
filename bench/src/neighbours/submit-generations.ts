import { setTimeout as pause } from "node:timers/promises";
import type { NeighbourStack } from "./neighbour.ts";

/** Submissions in flight: enough to keep the api busy. */
const inFlight = 20;
/** How often it is looked whether they have ended, in milliseconds. */
const everyMs = 200;

/** Submits so many generations as the neighbour, and waits until none of them is queued or runs. */
export async function submitGenerations(
  { system, neighbour, tell }: NeighbourStack,
  count: number,
  requestOf: (index: number) => Record<string, unknown>,
): Promise<void> {
  tell(`The neighbour makes ${count} generations`);
  let next = 0;
  const submit = async (): Promise<void> => {
    while (next < count) {
      const body = JSON.stringify(requestOf(next++));
      const headers = { ...neighbour.headers, prefer: "respond-async" };
      const answer = await fetch(`${neighbour.origin}/v1/images/generations`, { method: "POST", headers, body });
      if (answer.status !== 202)
        throw new Error(`A submission was answered with ${answer.status}: ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, submit));
  const unended = async () => {
    const counts = await Promise.all(["queued", "running"].map((name) => system.redis.zcard(`darkroom:${name}`)));
    return counts.some((size) => size > 0);
  };
  while (await unended()) await pause(everyMs);
}

import { setTimeout } from "node:timers/promises";

/** Where there is no engine, the answer comes at once. One that hangs costs every test run this time, and a busy machine must not miss it. */
const answerWithinMs = 15_000;

/**
 * Whether testcontainers finds a Docker engine, looked for where testcontainers looks (`DOCKER_HOST`, the usual sockets,
 * `~/.testcontainers.properties`). Loads testcontainers only now: most runs on a machine without Docker never need it.
 */
export async function dockerAnswers(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import("testcontainers");
  const giveUp = new AbortController();
  const found = getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  const late = setTimeout(answerWithinMs, false, { signal: giveUp.signal }).catch(() => false);
  return Promise.race([found, late]).finally(() => giveUp.abort());
}

import { setTimeout } from "node:timers/promises";

/** A local engine answers within milliseconds; one that needs longer than this would slow down every test run. */
const answerWithinMs = 1_500;

/**
 * Whether testcontainers finds a Docker engine, looked for where testcontainers looks (`DOCKER_HOST`, the usual sockets,
 * `~/.testcontainers.properties`). Loads testcontainers only now: most runs on a machine without Docker never need it.
 */
export async function dockerAnswers(): Promise<boolean> {
  const giveUp = new AbortController();
  const found = import("testcontainers")
    .then(({ getContainerRuntimeClient }) => getContainerRuntimeClient())
    .then(
      () => true,
      () => false,
    );
  const late = setTimeout(answerWithinMs, false, { signal: giveUp.signal }).catch(() => false);
  return Promise.race([found, late]).finally(() => giveUp.abort());
}

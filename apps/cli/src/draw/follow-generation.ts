import { setTimeout as sleep } from "node:timers/promises";
import { type Generation, generationSchema } from "@darkroom/contracts";
import type { Progress } from "../progress/progress.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import { PassingProblem } from "../problem.ts";
import { formatDuration } from "../text/duration.ts";

/** The service answers at once when the generation ends; until then the person sees every two seconds how it stands. */
const waitSeconds = 2;
/** Between two looks at a service that does not wait: a proxy may have dropped the header. */
const shortestLookMs = 500;
/** While the service is away: from soon to seldom. */
const shortestPauseMs = 500;
const longestPauseMs = 15_000;

export type Following = {
  progress: Progress;
  /** Told each time how it stands. */
  onLook: (generation: Generation) => void;
};

/** Reads a generation, with its images as links. */
export function readGeneration(api: HttpApi, id: string) {
  return api.send({ path: pathOf`/v1/generations/${id}`, as: "tenant", answer: generationSchema });
}

/**
 * Asks how a generation goes on until it has ended. A service that is away, restarts or is busy is asked again, for as long as it takes.
 * @throws {Problem} for anything that waiting does not mend: an unknown generation, a key that was stopped
 */
export async function followGeneration(api: HttpApi, id: string, { progress, onLook }: Following) {
  let pauseMs = 0;
  for (;;) {
    const nextLook = sleep(shortestLookMs);
    try {
      const generation = await api.send({
        path: pathOf`/v1/generations/${id}`,
        as: "tenant",
        prefer: `wait=${waitSeconds}`,
        answer: generationSchema,
      });
      if (pauseMs > 0) progress.note("The service answers again.");
      pauseMs = 0;
      onLook(generation.value);
      if (generation.value.completed_at !== null) return generation;
      const { n = 1 } = generation.value.request;
      progress.show({ done: 0, total: n ?? 1, words: wordsFor(generation.value, Date.now()) });
      await nextLook;
    } catch (error) {
      if (!(error instanceof PassingProblem)) throw error;
      if (pauseMs === 0) progress.note(`${error.message} Retrying until the service answers.`);
      pauseMs = Math.min(Math.max(shortestPauseMs, 2 * pauseMs), longestPauseMs);
      await sleep(pauseMs);
    }
  }
}

function wordsFor({ status, queue, started_at: startedAt }: Generation, nowMs: number): string {
  if (status === "running" && startedAt !== null) {
    return `images, drawing for ${formatDuration(Math.max(0, nowMs - startedAt * 1000))}`;
  }
  if (queue === null) return `images, ${status}`;
  const begins = queue.estimated_start_at;
  const when = begins === null ? "" : `, begins in about ${formatDuration(Math.max(0, begins * 1000 - nowMs))}`;
  return `images, ${queue.position - 1} before it${when}`;
}

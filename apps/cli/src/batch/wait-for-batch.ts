import { setTimeout as sleep } from "node:timers/promises";
import type { Batch } from "@darkroom/contracts";
import { createRate } from "../progress/rate.ts";
import type { Progress } from "../progress/progress.ts";
import type { HttpApi } from "../service/http-api.ts";
import { PassingProblem } from "../problem.ts";
import { batchCost } from "../text/batch-facts.ts";
import { formatDuration } from "../text/duration.ts";
import { hasEnded, readBatch } from "./read-batch.ts";

/** One read of one record: nothing to the service, and quick enough to watch. */
const pollMs = 1_000;
/** While the service is away: long enough not to hinder it, short enough to be back soon after it. */
const longestPauseMs = 30_000;

/**
 * Asks how a batch goes on until it has ended. A service that is away, restarts or is busy is asked again, for as long as it takes.
 * @throws {Problem} for anything that waiting does not mend: an unknown batch, a key that was stopped
 */
export async function waitForBatch(api: HttpApi, id: string, progress: Progress) {
  const rate = createRate(() => performance.now());
  let pauseMs = 0;
  for (;;) {
    try {
      const batch = await readBatch(api, id);
      if (pauseMs > 0) progress.note("The service answers again.");
      pauseMs = 0;
      const { total, completed, failed } = batch.value.request_counts;
      rate.add(completed + failed);
      if (hasEnded(batch.value)) return batch;
      progress.show({ done: completed + failed, total, words: wordsFor(batch.value, rate.perSecond()) });
    } catch (error) {
      if (!(error instanceof PassingProblem)) throw error;
      if (pauseMs === 0)
        progress.note(`${error.message} The batch goes on without this command. Retrying until the service answers.`);
      pauseMs = Math.min(Math.max(pollMs, 2 * pauseMs), longestPauseMs);
    }
    await sleep(pauseMs || pollMs);
  }
}

function wordsFor(batch: Batch, perSecond = 0): string {
  const { status, request_counts: counts } = batch;
  const left = counts.total - counts.completed - counts.failed;
  const words = ["done"];
  // Nothing has happened yet, and there is no more to say.
  if (status === "validating") return [...words, status].join(", ");
  if (status !== "in_progress") words.push(status);
  words.push(`${counts.failed} failed`);
  if (perSecond > 0) words.push(`${perSecond.toFixed(1)}/s`);
  if (perSecond > 0 && left > 0) words.push(`${formatDuration((left * 1000) / perSecond)} left`);
  return [...words, `${batchCost(batch)} so far`].join(", ");
}

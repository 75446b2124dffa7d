import { countOf, type Batch } from "@darkroom/contracts";
import { hasEnded } from "../../batch/read-batch.ts";
import { Problem } from "../../problem.ts";
import type { HttpApi } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { faultLines } from "../../text/batch-faults.ts";
import { batchCost } from "../../text/batch-facts.ts";
import { showDownload } from "./show-download.ts";
import { showWait } from "./show-wait.ts";

export type Following = {
  file: string;
  wait: boolean;
  /** Where the images go. */
  out: string | undefined;
  concurrency: number;
  json: boolean;
  /** The line of `file` that a line of the batch was made of. */
  sourceLine: (line: number) => Promise<number>;
};

/**
 * What is to be done with a batch that was submitted: to wait for it, and to fetch what it has drawn.
 * @throws {Problem} where not every line has its image in the end
 */
export async function followBatch(
  shell: Shell,
  api: HttpApi,
  submitted: { value: Batch; json: unknown },
  { file, wait, out, concurrency, json, sourceLine }: Following,
): Promise<void> {
  const { id } = submitted.value;
  const again = "the same command again";
  const batch = wait
    ? await showWait(shell, api, { id, comeBack: `${again}, or: ./darkroom batch status ${id} --watch` })
    : submitted;
  if (json) shell.print(asJson(batch.json));
  if (!hasEnded(batch.value)) return shell.say(`Watch it with: ./darkroom batch status ${id} --watch`);

  const { status, request_counts: counts, errors } = batch.value;
  if (status === "failed") {
    const told = await faultLines({ file, faults: errors?.data ?? [], count: errors?.total, sourceLine });
    throw new Problem(`${told}\nThe batch ${id} was refused. Nothing was drawn.`);
  }
  shell.say(
    `${id} is ${status}: ${counts.completed} of ${counts.total} lines done, ${counts.failed} failed, ${batchCost(batch.value)}.`,
  );
  if (out === undefined) shell.say(`Download the images with: ./darkroom batch download ${id} --out FOLDER`);
  else {
    const farewell = `What is there stays. Run ${again}, and it goes on from here.`;
    const { failed, failures } = await showDownload(shell, api, {
      batch: batch.value,
      folder: out,
      concurrency,
      farewell,
    });
    if (failed > 0) throw new Problem(`${countOf(failed, "image")} could not be downloaded: ${failures} says why.`);
  }
  if (counts.failed > 0) throw new Problem(`${counts.failed} of ${counts.total} lines have no image.`);
}

import { countOf } from "@darkroom/contracts";
import { hasEnded, readBatch } from "../../batch/read-batch.ts";
import { Problem } from "../../problem.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { apiCommand } from "../api-command.ts";
import { parseConcurrency, usualConcurrency } from "./batch-options.ts";
import { showDownload } from "./show-download.ts";

/** `darkroom batch download ID --out DIR`: the images, under the names of their lines. */
export function downloadBatchCommand(shell: Shell) {
  return apiCommand("download")
    .description("download the images of an ended batch; images that are already there are skipped")
    .argument("<id>")
    .requiredOption("--out <folder>", "where to put them")
    .option("--concurrency <n>", "how many to download at a time", parseConcurrency, usualConcurrency)
    .action(async (id, { out, concurrency, json, url }) => {
      const api = shell.connect({ url });
      const batch = await readBatch(api, id);
      if (!hasEnded(batch.value)) {
        throw new Problem(
          `${id} is ${batch.value.status}: its results are there when it has ended. Watch it with: ./darkroom batch status ${id} --watch`,
        );
      }
      const farewell = "What is there stays. Run the same command again, and it goes on from here.";
      const { failed, failures } = await showDownload(shell, api, {
        batch: batch.value,
        folder: out,
        concurrency,
        farewell,
      });
      if (json) shell.print(asJson(batch.json));
      if (failed > 0) throw new Problem(`${countOf(failed, "image")} could not be downloaded: ${failures} says why.`);
    });
}

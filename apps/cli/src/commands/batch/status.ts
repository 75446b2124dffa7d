import { readBatch } from "../../batch/read-batch.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { batchFacts } from "../../text/batch-facts.ts";
import { faultLines } from "../../text/batch-faults.ts";
import { apiCommand } from "../api-command.ts";
import { showWait } from "./show-wait.ts";

/** `darkroom batch status ID`: how far it is, once or until it has ended. */
export function batchStatusCommand(shell: Shell) {
  return apiCommand("status")
    .description("show a batch, its progress and its cost")
    .argument("<id>")
    .option("--watch", "show the progress until it has ended")
    .action(async (id, { watch, json, url }) => {
      const api = shell.connect({ url });
      const now = await readBatch(api, id);
      const batch = watch ? await showWait(shell, api, { id, comeBack: `./darkroom batch status ${id} --watch` }) : now;
      if (json) return shell.print(asJson(batch.json));
      shell.print(batchFacts(batch.value));
      const { errors } = batch.value;
      if (errors !== null) shell.say(await faultLines({ file: "input", faults: errors.data, count: errors.total }));
    });
}

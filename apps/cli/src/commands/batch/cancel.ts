import { batchSchema } from "@darkroom/contracts";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { batchFacts } from "../../text/batch-facts.ts";
import { apiCommand } from "../api-command.ts";

/** `darkroom batch cancel ID`. */
export function cancelBatchCommand(shell: Shell) {
  return apiCommand("cancel")
    .description("stop a batch; finished images stay")
    .argument("<id>")
    .action(async (id, { json, url }) => {
      const batch = await shell.connect({ url }).send({
        method: "POST",
        path: pathOf`/v1/batches/${id}/cancel`,
        as: "tenant",
        answer: batchSchema,
      });
      shell.print(json ? asJson(batch.json) : batchFacts(batch.value));
    });
}

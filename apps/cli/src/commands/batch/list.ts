import { batchSchema } from "@darkroom/contracts";
import type { Shell } from "../../shell.ts";
import { asJson, table } from "../../text/table.ts";
import { batchCost } from "../../text/batch-facts.ts";
import { formatMoment } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";

/** `darkroom batch list`: every batch of yours, page after page, the newest first. */
export function listBatchesCommand(shell: Shell) {
  return apiCommand("list")
    .description("list your batches, the newest first")
    .action(async ({ json, url }) => {
      const batches = await shell.connect({ url }).list({ path: "/v1/batches", as: "tenant", item: batchSchema });
      if (json) return shell.print(asJson(batches.json));
      if (batches.value.length === 0) return shell.say("There are no batches.");
      const rows = batches.value.map((batch) => [
        batch.id,
        batch.status,
        batch.model ?? "",
        batch.request_counts.total,
        batch.request_counts.completed,
        batch.request_counts.failed,
        batchCost(batch),
        formatMoment(batch.created_at),
      ]);
      shell.print(table(["id", "status", "model", "lines", "done", "failed", "cost", "created"], rows));
    });
}

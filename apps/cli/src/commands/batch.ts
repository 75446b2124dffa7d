import { Command } from "@commander-js/extra-typings";
import type { Shell } from "../shell.ts";
import { cancelBatchCommand } from "./batch/cancel.ts";
import { downloadBatchCommand } from "./batch/download.ts";
import { listBatchesCommand } from "./batch/list.ts";
import { batchStatusCommand } from "./batch/status.ts";
import { submitBatchCommand } from "./batch/submit.ts";

/** `darkroom batch …`: thousands of prompts at once. */
export function batchCommand(shell: Shell) {
  return new Command("batch")
    .description("draw thousands of prompts, and download the images")
    .addCommand(submitBatchCommand(shell))
    .addCommand(batchStatusCommand(shell))
    .addCommand(listBatchesCommand(shell))
    .addCommand(cancelBatchCommand(shell))
    .addCommand(downloadBatchCommand(shell));
}

import { isJsonl, jsonlInput, promptsInput } from "../../batch/batch-input.ts";
import { explainDiskError } from "../../batch/explain-disk-error.ts";
import type { Shell } from "../../shell.ts";
import { apiCommand } from "../api-command.ts";
import { parseConcurrency, usualConcurrency, parseMetadata, parseWindow } from "./batch-options.ts";
import { followBatch } from "./follow-batch.ts";
import { promptBody, withPromptOptions } from "../prompt-options.ts";
import { submitFile } from "./submit-file.ts";

/** `darkroom batch submit FILE`: the id of the batch alone on stdout. The same file again goes on with the same batch. */
export function submitBatchCommand(shell: Shell) {
  return withPromptOptions(
    apiCommand("submit")
      .description("draw every line of a file; the same file again continues its batch")
      .argument("<file>", "OpenAI's batch lines (.jsonl), or a text with one prompt per line")
      .option("--wait", "show the progress until it has ended")
      .option("--out <folder>", "where to save the images when it has ended")
      .option("--concurrency <n>", "how many images to download at a time", parseConcurrency, usualConcurrency)
      .option("--response-format <format>", "url, or b64_json for images in the output file itself")
      .option("--yes", "do not ask first")
      .option("--again", "buy everything again, whatever was submitted before")
      .option("--window <time>", "how long it may take: 90m, 24h or 3d", parseWindow, "24h")
      .option("--metadata <name=value...>", "your own pairs, kept with the batch", parseMetadata),
  ).action(async (file, given, command) => {
    const { wait, out, concurrency, yes, again, window, metadata, json, url, responseFormat, ...prompts } = given;
    const body: Record<string, unknown> = { ...promptBody(prompts), response_format: responseFormat };
    const named = Object.values(body).some((value) => value !== undefined);
    if (isJsonl(file) && named) command.error("error: the lines of a .jsonl say themselves how they are drawn");

    try {
      const api = shell.connect({ url });
      const submitted = await submitFile(shell, api, {
        input: isJsonl(file) ? jsonlInput(file) : await promptsInput(file, body),
        wanted: { file, out },
        again: again ?? false,
        options: { completion_window: window, ...(metadata && { metadata }) },
        isSure: async (question) => {
          const sure = yes ?? (await shell.confirm(question));
          if (sure === undefined) command.error("error: there is no terminal to ask on, so --yes is required");
          return sure === true;
        },
      });
      if (submitted === undefined) return shell.say("Nothing was submitted.");
      const { batch, sourceLine } = submitted;
      if (!json) shell.print(batch.value.id);
      const how = { file, out, concurrency, sourceLine, wait: wait ?? false, json: json ?? false };
      await followBatch(shell, api, batch, how);
    } catch (error) {
      throw explainDiskError(error);
    }
  });
}

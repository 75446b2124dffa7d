import { apiKeySchema } from "@darkroom/contracts";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { keyFacts } from "../../text/key-facts.ts";
import { apiCommand } from "../api-command.ts";
import { keyChanges, saysSomething, withKeyOptions } from "./key-options.ts";

/** `darkroom keys update ID`: changes what is said and nothing else. */
export function updateKeyCommand(shell: Shell) {
  return withKeyOptions(
    apiCommand("update")
      .description("change the given settings of a key; `none` removes a limit")
      .argument("<id>")
      .option("--name <name>", "its new name"),
  ).action(async (id, { name, json, url, ...options }, command) => {
    const body = { name, ...keyChanges(options) };
    if (!saysSomething(body)) command.error("error: say what to change");
    const key = await shell.connect({ url }).send({
      method: "PATCH",
      path: pathOf`/admin/keys/${id}`,
      body,
      as: "admin",
      answer: apiKeySchema,
    });
    shell.print(json ? asJson(key.json) : keyFacts(key.value));
  });
}

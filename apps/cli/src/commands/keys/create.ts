import { createdApiKeySchema } from "@darkroom/contracts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { apiCommand } from "../api-command.ts";
import { keyChanges, withKeyOptions } from "./key-options.ts";

/** `darkroom keys create`: the key alone on stdout, so that a script can catch it. */
export function createKeyCommand(shell: Shell) {
  return withKeyOptions(
    apiCommand("create")
      .description("make a key; it is shown once")
      .requiredOption("--tenant <tenant>", "whose key it is")
      .requiredOption("--name <name>", "its name"),
  ).action(async ({ tenant, name, json, url, ...options }) => {
    const created = await shell.connect({ url }).send({
      method: "POST",
      path: "/admin/keys",
      body: { tenant, name, ...keyChanges(options) },
      as: "admin",
      answer: createdApiKeySchema,
    });
    const { id, key } = created.value;
    shell.print(json ? asJson(created.json) : key);
    shell.say(`This is the key ${id} of ${tenant}. Keep it now: it is not shown again.`);
  });
}

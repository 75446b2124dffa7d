import { apiKeySchema } from "@darkroom/contracts";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { keyFacts } from "../../text/key-facts.ts";
import { apiCommand } from "../api-command.ts";

/** `darkroom keys enable ID`. */
export function enableKeyCommand(shell: Shell) {
  return apiCommand("enable")
    .description("enable a disabled key again")
    .argument("<id>")
    .action(async (id, { json, url }) => {
      const key = await shell.connect({ url }).send({
        method: "PATCH",
        path: pathOf`/admin/keys/${id}`,
        body: { status: "active" },
        as: "admin",
        answer: apiKeySchema,
      });
      shell.print(json ? asJson(key.json) : keyFacts(key.value));
    });
}

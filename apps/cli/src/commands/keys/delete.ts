import { z } from "zod";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { apiCommand } from "../api-command.ts";

const deletedSchema = z.object({ id: z.string(), deleted: z.literal(true) });

/** `darkroom keys delete ID`: asks first, unless it is told not to. */
export function deleteKeyCommand(shell: Shell) {
  return apiCommand("delete")
    .description("delete a key for good; its ledger entries stay")
    .argument("<id>")
    .option("--yes", "do not ask first")
    .action(async (id, { yes, json, url }, command) => {
      const sure = yes ?? (await shell.confirm(`Delete the key ${id} for good?`));
      if (sure === undefined) command.error("error: there is no terminal to ask on, so --yes is required");
      if (!sure) return shell.say("Nothing was deleted.");
      const deleted = await shell.connect({ url }).send({
        method: "DELETE",
        path: pathOf`/admin/keys/${id}`,
        as: "admin",
        answer: deletedSchema,
      });
      if (json) shell.print(asJson(deleted.json));
      shell.say(`The key ${id} is deleted.`);
    });
}

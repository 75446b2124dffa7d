import { apiKeySchema } from "@darkroom/contracts";
import type { Shell } from "../../shell.ts";
import { asJson, table } from "../../text/table.ts";
import { formatMoment } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";

/** `darkroom keys list`: every key, page after page. */
export function listKeysCommand(shell: Shell) {
  return apiCommand("list")
    .description("list the keys")
    .option("--tenant <tenant>", "only the keys of this tenant")
    .action(async ({ tenant, json, url }) => {
      const keys = await shell
        .connect({ url })
        .list({ path: "/admin/keys", query: { tenant }, as: "admin", item: apiKeySchema });
      if (json) return shell.print(asJson(keys.json));
      if (keys.value.length === 0) return shell.say("There are no keys.");
      shell.print(
        table(
          ["id", "tenant", "name", "begins with", "status", "created", "expires"],
          keys.value.map((key) => [
            key.id,
            key.tenant,
            key.name,
            key.prefix,
            key.status,
            formatMoment(key.created_at),
            key.expires_at === null ? "never" : formatMoment(key.expires_at),
          ]),
        ),
      );
    });
}

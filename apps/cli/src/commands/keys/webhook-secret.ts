import { Command } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { parseDuration } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";

const secretSchema = z.object({ secret: z.string() });

/** `darkroom keys webhook-secret rotate ID`: a new secret to sign a key's webhooks with. */
export function webhookSecretCommand(shell: Shell) {
  const rotate = apiCommand("rotate")
    .description("make a new secret; deliveries carry both signatures for a while")
    .argument("<id>")
    .option("--grace <time>", "how long the old secret still signs; a day by default, 0s: not at all", parseDuration)
    .action(async (id, { grace, json, url }) => {
      const rotated = await shell.connect({ url }).send({
        method: "POST",
        path: pathOf`/admin/keys/${id}/webhook-secret/rotate`,
        body: { grace_seconds: grace },
        as: "admin",
        answer: secretSchema,
      });
      shell.print(json ? asJson(rotated.json) : rotated.value.secret);
      shell.say(`This is the new webhook secret of ${id}.`);
    });
  return new Command("webhook-secret").description("change what a key's webhooks are signed with").addCommand(rotate);
}

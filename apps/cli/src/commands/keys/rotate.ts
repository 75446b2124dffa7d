import { createdApiKeySchema } from "@darkroom/contracts";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson } from "../../text/table.ts";
import { formatMoment, parseDuration } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";

/** `darkroom keys rotate ID`: a new key in place of the old one, which goes on working for a while. */
export function rotateKeyCommand(shell: Shell) {
  return apiCommand("rotate")
    .description("make a new key in place of the old one; it is shown once")
    .argument("<id>")
    .option(
      "--grace <time>",
      "how long the old key goes on working; a day when left out, 0s: not at all",
      parseDuration,
    )
    .action(async (id, { grace, json, url }) => {
      const rotated = await shell.connect({ url }).send({
        method: "POST",
        path: pathOf`/admin/keys/${id}/rotate`,
        body: { grace_seconds: grace },
        as: "admin",
        answer: createdApiKeySchema,
      });
      const { key, previous_key_expires_at: until } = rotated.value;
      shell.print(json ? asJson(rotated.json) : key);
      const old = until === null ? "The old one works no more." : `The old one works until ${formatMoment(until)}.`;
      shell.say(`This is the new key of ${id}. Keep it now: it is not shown again. ${old}`);
    });
}

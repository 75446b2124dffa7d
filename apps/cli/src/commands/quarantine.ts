import { Command } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { formatMoment } from "../text/moments.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";

const entrySchema = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  reason: z.string(),
  /** Unix seconds. */
  since: z.int(),
  droppable: z.boolean(),
});
const listSchema = z.object({ data: z.array(entrySchema) });
const answerSchema = z.object({ id: z.string() });

/** As many as there ever are. */
const all = 1_000;

/** `darkroom quarantine …`: what the service could not deal with and has set aside. */
export function quarantineCommand(shell: Shell) {
  return new Command("quarantine")
    .description("show what could not be read or removed, have it tried again, or give it up")
    .addCommand(listCommand(shell))
    .addCommand(retryCommand(shell))
    .addCommand(dropCommand(shell));
}

/** `darkroom quarantine list`. */
function listCommand(shell: Shell) {
  return apiCommand("list")
    .description("list what is set aside, the latest first")
    .option("--kind <kind>", "only this kind: removal, attempt, webhook-delivery …")
    .action(async ({ kind, json, url }) => {
      const listed = await shell
        .connect({ url })
        .send({ path: "/admin/quarantine", query: { kind, limit: `${all}` }, as: "admin", answer: listSchema });
      if (json) return shell.print(asJson(listed.json));
      const { data } = listed.value;
      if (data.length === 0) return shell.say("Nothing is in quarantine.");
      shell.print(
        table(
          ["id", "kind", "subject", "since", "may be dropped", "reason"],
          data.map(({ id, since, droppable, reason, ...entry }) => [
            id,
            entry.kind,
            entry.subject,
            formatMoment(since),
            droppable ? "yes" : "no",
            reason,
          ]),
        ),
      );
    });
}

/** `darkroom quarantine retry ID…`. */
function retryCommand(shell: Shell) {
  return apiCommand("retry")
    .description("have something tried again at once; where it fails again it comes back")
    .argument("<id...>")
    .action(async (ids, { json, url }) => {
      const service = shell.connect({ url });
      for (const id of ids) {
        const path = pathOf`/admin/quarantine/${id}/retry`;
        const retried = await service.send({ method: "POST", path, as: "admin", answer: answerSchema });
        if (json) shell.print(asJson(retried.json));
        shell.say(`${id} is tried again.`);
      }
    });
}

/** `darkroom quarantine drop ID…`: asks first, unless it is told not to. */
function dropCommand(shell: Shell) {
  return apiCommand("drop")
    .description("give something up for good: it is not tried any more")
    .argument("<id...>")
    .option("--yes", "do not ask first")
    .action(async (ids, { yes, json, url }, command) => {
      const sure = yes ?? (await shell.confirm(`Give ${ids.join(", ")} up for good?`));
      if (sure === undefined) command.error("error: there is no terminal to ask on, so --yes is required");
      if (!sure) return shell.say("Nothing was dropped.");
      const service = shell.connect({ url });
      for (const id of ids) {
        const path = pathOf`/admin/quarantine/${id}`;
        const dropped = await service.send({ method: "DELETE", path, as: "admin", answer: answerSchema });
        if (json) shell.print(asJson(dropped.json));
        shell.say(`${id} is dropped.`);
      }
    });
}

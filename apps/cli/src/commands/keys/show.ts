import { apiKeySchema, microsSchema } from "@darkroom/contracts";
import { z } from "zod";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { asJson, facts } from "../../text/table.ts";
import { formatDollars } from "../../text/dollars.ts";
import { keyFacts } from "../../text/key-facts.ts";
import { apiCommand } from "../api-command.ts";

const keyInUseSchema = apiKeySchema.extend({
  /** What it has under way, and what it has cost. Money in micros. */
  usage: z.object({
    active: z.int(),
    queued: z.int(),
    reserved: microsSchema,
    spent: z.object({ day: microsSchema, month: microsSchema, total: microsSchema }),
  }),
});

/** `darkroom keys show ID`: a key, what it has under way and what it has cost. */
export function showKeyCommand(shell: Shell) {
  return apiCommand("show")
    .description("show a key, what it has under way and what it has cost")
    .argument("<id>")
    .action(async (id, { json, url }) => {
      const key = await shell.connect({ url }).send({
        path: pathOf`/admin/keys/${id}`,
        as: "admin",
        answer: keyInUseSchema,
      });
      if (json) return shell.print(asJson(key.json));
      const { active, queued, reserved, spent } = key.value.usage;
      const use = facts([
        ["under way", `${active}, ${queued} of them queued`],
        ["reserved for these", formatDollars(reserved)],
        ["spent today", formatDollars(spent.day)],
        ["spent this month", formatDollars(spent.month)],
        ["spent in all", formatDollars(spent.total)],
      ]);
      shell.print(`${keyFacts(key.value)}\n\n${use}`);
    });
}

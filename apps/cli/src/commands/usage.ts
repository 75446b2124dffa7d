import { usageRowSchema } from "@darkroom/contracts";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { asJson } from "../text/table.ts";
import { parseDay } from "../text/moments.ts";
import { usageSumSchema, usageTable } from "../text/usage-table.ts";
import { apiCommand } from "./api-command.ts";

const dimensions = ["day", "model", "key"];

const usageSchema = z.object({
  data: z.array(usageRowSchema),
  total: usageSumSchema,
  /** The first and the last day, of UTC. */
  from: z.string(),
  to: z.string(),
});

/** `darkroom usage`: what was made and what it cost. */
export function usageCommand(shell: Shell) {
  return apiCommand("usage")
    .description("show usage and cost of your own key or, with the admin key, of others")
    .option("--from <day>", "the first day, of UTC: 2026-11-01", parseDay)
    .option("--to <day>", "the last day, of UTC: 2026-11-30", parseDay)
    .option("--by <day,model,key>", "what to group by", parseDimensions)
    .option("--tenant <tenant>", "the usage of this tenant, with the admin key")
    .option("--admin", "the usage of every tenant, with the admin key")
    .action(async ({ from, to, by, tenant, admin, json, url }) => {
      const usage = await shell.connect({ url }).send({
        path: tenant === undefined ? "/v1/usage" : pathOf`/admin/tenants/${tenant}/usage`,
        query: { from, to, group_by: by },
        as: admin || tenant !== undefined ? "admin" : "tenant",
        answer: usageSchema,
      });
      if (json) return shell.print(asJson(usage.json));
      const { data, total, from: first, to: last } = usage.value;
      shell.say(`From ${first} to ${last}, days of UTC:`);
      shell.print(usageTable(data, total));
    });
}

function parseDimensions(text: string): string {
  if (text.split(",").every((word) => dimensions.includes(word))) return text;
  throw new InvalidArgumentError(`Any of ${dimensions.join(", ")}, separated by commas.`);
}

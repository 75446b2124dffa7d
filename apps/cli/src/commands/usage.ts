import { usageRowSchema } from "@darkroom/contracts";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { asJson } from "../text/as-json.ts";
import { parseDay } from "../text/moments.ts";
import { usageSumSchema, usageTable } from "../text/usage-table.ts";
import { apiCommand } from "./api-command.ts";

const dimensions = ["day", "model", "key"];

const usageSchema = z.object({ data: z.array(usageRowSchema), total: usageSumSchema });

/** `darkroom usage`: what was made and what it cost. */
export function usageCommand(shell: Shell) {
  return apiCommand("usage")
    .description("what was made and what it cost: by your own key, or for any tenant by the admin key")
    .option("--from <day>", "the first day of UTC", parseDay)
    .option("--to <day>", "the last day of UTC", parseDay)
    .option("--by <day,model,key>", "what to count apart", parseDimensions)
    .option("--tenant <tenant>", "of this tenant; wants the admin key")
    .option("--admin", "ask with the admin key")
    .action(async ({ from, to, by, tenant, admin, json, url }) => {
      const usage = await shell.connect({ url }).send({
        path: tenant === undefined ? "/v1/usage" : pathOf`/admin/tenants/${tenant}/usage`,
        query: { from, to, group_by: by },
        as: admin || tenant !== undefined ? "admin" : "tenant",
        answer: usageSchema,
      });
      if (json) return shell.print(asJson(usage.json));
      shell.print(usageTable(usage.value.data, usage.value.total));
    });
}

function parseDimensions(text: string): string {
  if (text.split(",").every((word) => dimensions.includes(word))) return text;
  throw new InvalidArgumentError(`Any of ${dimensions.join(", ")}, separated by commas.`);
}

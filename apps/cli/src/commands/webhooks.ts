import { Command, Option } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { formatMoment } from "../text/moments.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";
import { parseLimit, readOperatorList } from "./operator-list.ts";

const deliverySchema = z.object({
  id: z.string(),
  tenant: z.string(),
  generation_id: z.string().nullable(),
  batch_id: z.string().nullable(),
  url: z.string(),
  attempts: z.int(),
  /** Unix seconds. */
  created_at: z.int(),
  last_answer: z.string().nullable(),
});
const replayedSchema = z.object({ id: z.string() });

/** `darkroom webhooks …`: webhook deliveries of all tenants, for the operator. */
export function webhooksCommand(shell: Shell) {
  return new Command("webhooks")
    .description("show the webhooks that were given up, and send them again")
    .addCommand(listCommand(shell), { isDefault: true })
    .addCommand(replayCommand(shell));
}

/** `darkroom webhooks`, `darkroom webhooks list`. */
function listCommand(shell: Shell) {
  return apiCommand("list")
    .description("show webhook deliveries of the last month, tenant after tenant, the newest first")
    .addOption(
      new Option("--status <status>", "in this state")
        .choices(["dead", "pending", "delivered", "off"] as const)
        .default("dead" as const),
    )
    .option("--tenant <tenant>", "of this tenant")
    .option("--limit <count>", "how many to show", parseLimit, 50)
    .action(async ({ status, tenant, limit, json, url }) => {
      const service = shell.connect({ url });
      const { found, unreadable, pages, hasMore } = await readOperatorList(service, {
        path: "/admin/webhooks/deliveries",
        query: { status, tenant },
        limit,
        item: deliverySchema,
      });
      if (json) return shell.print(asJson(pages));
      if (found.length > 0) {
        shell.print(
          table(
            ["id", "tenant", "of", "created", "attempts", "address", "last answer"],
            found.map((one) => [
              one.id,
              one.tenant,
              one.generation_id ?? one.batch_id ?? "",
              formatMoment(one.created_at),
              one.attempts,
              one.url,
              one.last_answer ?? "",
            ]),
          ),
        );
      } else shell.say(`No webhook is ${status}.`);
      if (unreadable.length > 0) shell.say(`Deliveries that cannot be read: ${unreadable.join(", ")}.`);
      if (hasMore) shell.say("There are more. Raise --limit to see them.");
    });
}

/** `darkroom webhooks replay ID…`. */
function replayCommand(shell: Shell) {
  return apiCommand("replay")
    .description("send webhooks again that were given up or delivered")
    .argument("<id...>")
    .action(async (ids, { json, url }) => {
      const service = shell.connect({ url });
      for (const id of ids) {
        const path = pathOf`/admin/webhooks/deliveries/${id}/replay`;
        const replayed = await service.send({ method: "POST", path, as: "admin", answer: replayedSchema });
        if (json) shell.print(asJson(replayed.json));
        shell.say(`${id} is sent again.`);
      }
    });
}

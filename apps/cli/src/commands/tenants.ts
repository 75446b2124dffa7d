import { Command } from "@commander-js/extra-typings";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { apiCommand } from "./api-command.ts";

const droppedSchema = z.object({ dropped: z.int(), next: z.int().nullable() });

/** `darkroom tenants …`: what a tenant holds. */
export function tenantsCommand(shell: Shell) {
  return new Command("tenants")
    .description("drop what a tenant keeps in the queue")
    .addCommand(dropEndedCommand(shell));
}

/** `darkroom tenants drop-ended TENANT`: asks first, unless it is told not to. */
function dropEndedCommand(shell: Shell) {
  return apiCommand("drop-ended")
    .description("remove all ended generations of a tenant with their images, before their retention is over")
    .argument("<tenant>")
    .option("--yes", "do not ask first")
    .action(async (tenant, { yes, json, url }, command) => {
      const sure = yes ?? (await shell.confirm(`Remove all ended generations of ${tenant} and their images for good?`));
      if (sure === undefined) command.error("error: there is no terminal to ask on, so --yes is required");
      if (!sure) return shell.say("Nothing was removed.");
      const service = shell.connect({ url });
      let count = 0;
      for (let from: number | null = 0; from !== null;) {
        const page: { json: unknown; value: z.output<typeof droppedSchema> } = await service.send({
          method: "POST",
          path: pathOf`/admin/tenants/${tenant}/drop-ended`,
          body: { from },
          as: "admin",
          answer: droppedSchema,
        });
        count += page.value.dropped;
        from = page.value.next;
      }
      if (json) shell.print(JSON.stringify({ tenant, dropped: count }));
      shell.say(
        `${count} generations of ${tenant} are dropped. The workers remove them and their images within seconds.`,
      );
    });
}

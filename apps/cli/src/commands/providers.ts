import { type ShownDeployment, shownDeploymentSchema } from "@darkroom/contracts";
import { z } from "zod";
import type { Shell } from "../shell.ts";
import { formatDuration } from "../text/duration.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";

const providersSchema = z.object({
  data: z.array(shownDeploymentSchema),
  mistakes: z.array(z.object({ process: z.string(), lines: z.array(z.string()) })),
});

/** `darkroom providers`: the deployments of models, and how each stands. */
export function providersCommand(shell: Shell) {
  return apiCommand("providers")
    .description("show the deployments of models: their limits, what is under way, and which are closed")
    .action(async ({ json, url }) => {
      const listed = await shell
        .connect({ url })
        .send({ path: "/admin/providers", as: "admin", answer: providersSchema });
      if (json) return shell.print(asJson(listed.json));
      const { data, mistakes } = listed.value;
      if (data.length === 0) shell.say("No worker that is alive has a deployments file (DEPLOYMENTS_FILE).");
      else {
        const heads = [
          "model",
          "deployment",
          "priority",
          "weight",
          "state",
          "under way",
          "requests",
          "images",
          "call",
          "workers",
        ];
        shell.print(
          table(
            heads,
            data.map((one) => [
              one.model,
              one.id,
              `${one.priority}`,
              `${one.weight}`,
              stateOf(one),
              ofLimit(one.under_way, one.limits.concurrency),
              ofLimit(one.requests_last_minute, one.limits.requests_per_minute),
              ofLimit(one.images_last_minute, one.limits.images_per_minute),
              one.call_ms === null ? "" : formatDuration(one.call_ms),
              `${one.workers}`,
            ]),
          ),
        );
      }
      for (const { process, lines } of mistakes)
        for (const line of lines) shell.say(`${process} does not take the file as it is now: ${line}`);
    });
}

const ofLimit = (used: number, limit: number | null): string => (limit === null ? `${used}` : `${used}/${limit}`);

function stateOf({ state, closed_ms: closedMs, closed_for: reason }: ShownDeployment): string {
  if (state === "open") return "open";
  const why = reason === "limit" ? "rate limit" : "failures";
  return state === "closed" ? `closed ${formatDuration(closedMs)} (${why})` : `tried again (${why})`;
}

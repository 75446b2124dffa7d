import { apiKeySchema, type Limits, microsSchema } from "@darkroom/contracts";
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
    // An older service does not tell these.
    http_requests: z.int().optional(),
    stored_files: z.int().optional(),
    stored_bytes: z.int().optional(),
    unfinished_batch_lines: z.int().optional(),
  }),
  /** The limits of the installation, where the key has none of its own. */
  default_limits: z.record(z.string(), z.int()).default({}),
});

/** What is in use of a limit that is the key's own or the installation's. Nothing where the service does not tell. */
function useOf(key: z.output<typeof keyInUseSchema>, what: string, limit: keyof Limits, used: number | undefined) {
  const most = key.limits[limit] ?? key.default_limits[limit];
  return used === undefined ? [] : [[what, most === undefined ? String(used) : `${used} of ${most}`] as const];
}

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
      const { active, queued, reserved, spent, ...held } = key.value.usage;
      const use = facts([
        ["under way", `${active}, ${queued} of them queued`],
        ["reserved for these", formatDollars(reserved)],
        ["spent today", formatDollars(spent.day)],
        ["spent this month", formatDollars(spent.month)],
        ["spent in all", formatDollars(spent.total)],
        ...useOf(key.value, "HTTP requests in the last minute", "http_requests_per_minute", held.http_requests),
        ...useOf(key.value, "files of its tenant", "stored_files", held.stored_files),
        ...useOf(key.value, "bytes of these", "stored_bytes", held.stored_bytes),
        ...useOf(
          key.value,
          "unfinished batch lines of its tenant",
          "unfinished_batch_lines",
          held.unfinished_batch_lines,
        ),
      ]);
      shell.print(`${keyFacts(key.value)}\n\n${use}`);
    });
}

import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import {
  explainedGenerationSchema,
  type GenerationAction,
  generationActionSchema,
  type GenerationFilter,
  generationFilterSchema,
  operatorGenerationSchema,
} from "@darkroom/contracts";
import type { z } from "zod";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { formatDuration } from "../text/duration.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";
import { parseLimit, readOperatorList } from "./operator-list.ts";

/** How many failures are told one by one. */
const toldFailures = 20;

/** `darkroom generations …`: generations of all tenants, for the operator. */
export function generationsCommand(shell: Shell) {
  return new Command("generations")
    .description("find generations of all tenants, and cancel or retry those that match")
    .addCommand(findCommand(shell))
    .addCommand(whyCommand(shell))
    .addCommand(changeCommand(shell, "cancel", "cancel all queued and running generations that match"))
    .addCommand(changeCommand(shell, "retry", "queue all failed, canceled and expired generations that match again"));
}

/** A command that takes a filter. */
const filterCommand = (name: string) =>
  apiCommand(name)
    .option("--tenant <tenant>", "of this tenant")
    .option("--key <id>", "of this API key")
    .option("--batch <id>", "lines of this batch")
    .option("--lane <lane>", "on this lane")
    .option("--model <model>", "of this model")
    .addOption(new Option("--status <status>", "in this state").choices(operatorGenerationSchema.shape.status.options))
    .option("--error <code>", "that failed with this code")
    .option("--since <time>", "submitted at this time or later: 2026-11-30T12:00:00Z", parseTime)
    .option("--until <time>", "submitted at this time or before", parseTime);

type FilterOptions = {
  tenant?: string | undefined;
  key?: string | undefined;
  batch?: string | undefined;
  lane?: string | undefined;
  model?: string | undefined;
  status?: GenerationFilter["status"];
  error?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
};

const filterOf = ({ error, since, until, ...options }: FilterOptions): GenerationFilter => {
  const { tenant, key, batch, lane, model, status } = options;
  const given = {
    tenant,
    key,
    batch,
    lane,
    model,
    status,
    error_code: error,
    created_after: since,
    created_before: until,
  };
  return generationFilterSchema.parse(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );
};

/** `darkroom generations find`. */
function findCommand(shell: Shell) {
  return filterCommand("find")
    .description("show the generations that match, tenant after tenant, the newest first")
    .option("--limit <count>", "how many to show", parseLimit, 50)
    .action(async ({ limit, json, url, ...options }) => {
      const query = Object.fromEntries(Object.entries(filterOf(options)).map(([name, value]) => [name, `${value}`]));
      const service = shell.connect({ url });
      const path = "/admin/generations";
      const list = await readOperatorList(service, { path, query, limit, item: operatorGenerationSchema });
      const { found, unreadable, pages, hasMore } = list;
      if (json) return shell.print(asJson(pages));
      if (found.length > 0) {
        shell.print(
          table(
            ["id", "tenant", "status", "lane", "model", "age", "error"],
            found.map((one) => [
              one.id,
              one.tenant,
              one.status,
              one.lane,
              one.model,
              formatDuration(one.age_seconds * 1_000),
              one.error?.code ?? "",
            ]),
          ),
        );
      } else shell.say("No generation matches.");
      tellUnreadable(shell, unreadable);
      if (hasMore) shell.say("There are more. Raise --limit to see them.");
    });
}

/** `darkroom generations why ID`. */
function whyCommand(shell: Shell) {
  return apiCommand("why")
    .description("say in a sentence why a generation is where it is")
    .argument("<id>")
    .action(async (id, { json, url }) => {
      const path = pathOf`/admin/generations/${id}`;
      const explained = await shell.connect({ url }).send({ path, as: "admin", answer: explainedGenerationSchema });
      if (json) return shell.print(asJson(explained.json));
      shell.print(explained.value.why);
      for (const call of explained.value.calls) shell.print(tellCall(call));
    });
}

type Call = z.output<typeof explainedGenerationSchema>["calls"][number];

/** A call of a deployment, in a line. */
function tellCall({ attempt, upstream, outcome, duration_ms: durationMs, may_have_charged: isInDoubt }: Call): string {
  const took = durationMs === null ? "" : ` after ${formatDuration(durationMs)}`;
  const charge = isInDoubt && outcome !== "ok" ? "; it may have been charged" : "";
  return `Attempt ${attempt} asked ${upstream}: ${outcome ?? "it has not ended, or its worker died"}${took}${charge}.`;
}

type Action = "cancel" | "retry";

/** `darkroom generations cancel`, `… retry`: counts first and asks, unless it is told not to. */
function changeCommand(shell: Shell, action: Action, description: string) {
  return filterCommand(action)
    .description(description)
    .option("--yes", "do not ask first")
    .action(async ({ yes, json, url, ...options }, command) => {
      const service = shell.connect({ url });
      const dry = await changeAll(service, action, { filter: filterOf(options), dry_run: true });
      if (dry.matched === 0) {
        tellUnreadable(shell, dry.unreadable);
        return shell.say("No generation matches.");
      }
      const sure = yes ?? (await shell.confirm(`${capital(action)} ${dry.matched} generations?`));
      if (sure === undefined) command.error("error: there is no terminal to ask on, so --yes is required");
      if (!sure) return shell.say("Nothing was changed.");
      const changed = await changeAll(service, action, { filter: dry.filter, dry_run: false, at_most: dry.matched });
      if (json) shell.print(asJson(changed));
      shell.say(
        `${changed.done} of ${dry.matched} generations are ${action === "cancel" ? "canceled" : "queued again"}.`,
      );
      for (const { id, message } of changed.failed.slice(0, toldFailures)) shell.say(`${id}: ${message}`);
      if (changed.failed.length > toldFailures) shell.say(`… and ${changed.failed.length - toldFailures} more.`);
      tellUnreadable(shell, changed.unreadable);
      if (changed.failed.length > 0) process.exitCode = 1;
    });
}

type Change = { filter: GenerationFilter; dry_run: boolean; at_most?: number };
type Changed = Pick<GenerationAction, "filter" | "matched" | "done" | "failed" | "unreadable">;

/** All pages of a change, or of its dry run. Each page says the time up to which the next ones look. */
async function changeAll(
  service: Pick<HttpApi, "send">,
  action: Action,
  { filter, at_most: atMost, ...change }: Change,
): Promise<Changed> {
  const all: Changed = { filter, matched: 0, done: 0, failed: [], unreadable: [] };
  for (let after: string | null = ""; after !== null;) {
    const left = atMost === undefined ? {} : { at_most: atMost - all.done - all.failed.length };
    const page: { value: GenerationAction } = await service.send({
      method: "POST",
      path: `/admin/generations/${action}`,
      body: { ...change, ...left, filter: all.filter, ...(after !== "" && { after }) },
      as: "admin",
      answer: generationActionSchema,
    });
    const { value } = page;
    all.filter = value.filter;
    all.matched += value.matched;
    all.done += value.done;
    all.failed.push(...value.failed);
    all.unreadable.push(...value.unreadable);
    after = value.next;
  }
  return all;
}

function tellUnreadable(shell: Shell, ids: readonly string[]): void {
  if (ids.length > 0)
    shell.say(`Records that cannot be read, and are left alone: ${ids.slice(0, toldFailures).join(", ")}.`);
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function parseTime(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError("It must look like 2026-11-30T12:00:00Z.");
  return Math.floor(ms / 1_000);
}

import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { laneJobSchema, laneSchema } from "@darkroom/contracts";
import { z } from "zod";
import { pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { formatDuration } from "../text/duration.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";

const lanesSchema = z.object({ data: z.array(laneSchema) });
const jobsSchema = z.object({ data: z.array(laneJobSchema), total: z.int(), next: z.int().nullable() });

/** `darkroom lanes …`: the queue of each provider. */
export function lanesCommand(shell: Shell) {
  return new Command("lanes")
    .description("show the lanes, and pause, drain or resume one")
    .addCommand(listCommand(shell), { isDefault: true })
    .addCommand(jobsCommand(shell))
    .addCommand(
      changeCommand(shell, "pause", "have no worker take a job from a lane; what runs goes on, and new jobs wait"),
    )
    .addCommand(
      changeCommand(shell, "drain", "have a lane take no new generations; what waits and what runs is finished"),
    )
    .addCommand(changeCommand(shell, "resume", "open a lane that was paused or drained"));
}

/** `darkroom lanes`, `darkroom lanes list`. */
function listCommand(shell: Shell) {
  return apiCommand("list")
    .description("show the lanes with their jobs and workers")
    .action(async ({ json, url }) => {
      const listed = await shell.connect({ url }).send({ path: "/admin/lanes", as: "admin", answer: lanesSchema });
      if (json) return shell.print(asJson(listed.json));
      shell.print(
        table(
          ["lane", "state", "waiting", "active", "delayed", "oldest", "workers", "slots"],
          listed.value.data.map((lane) => [
            lane.id,
            lane.state === "open" && lane.closed_ms > 0 ? `rate limited ${formatDuration(lane.closed_ms)}` : lane.state,
            lane.waiting,
            lane.active,
            lane.delayed,
            lane.oldest_seconds === null ? "" : formatDuration(lane.oldest_seconds * 1_000),
            lane.workers,
            lane.concurrency,
          ]),
        ),
      );
    });
}

/** `darkroom lanes jobs LANE`. */
function jobsCommand(shell: Shell) {
  return apiCommand("jobs")
    .description("show jobs of a lane, in their order")
    .argument("<lane>")
    .addOption(
      new Option("--state <state>", "which jobs")
        .choices(["waiting", "active", "delayed"] as const)
        .default("waiting" as const),
    )
    .option("--from <count>", "how many jobs to pass over", parseCount, 0)
    .option("--limit <count>", "how many jobs to show, at most 100", parseCount, 20)
    .action(async (lane, { state, from, limit, json, url }) => {
      const listed = await shell.connect({ url }).send({
        path: pathOf`/admin/lanes/${lane}/jobs`,
        query: { state, from: `${from}`, limit: `${limit}` },
        as: "admin",
        answer: jobsSchema,
      });
      if (json) return shell.print(asJson(listed.json));
      const { data, total, next } = listed.value;
      if (data.length === 0) return shell.say(`No job of ${lane} is ${state}${from > 0 ? " that far back" : ""}.`);
      shell.print(
        table(
          ["position", "id", "tenant", "model", "age", "attempts"],
          data.map(({ position, id, generation }) => [
            position,
            id,
            generation?.tenant ?? "",
            generation?.model ?? "",
            generation === null ? "" : formatDuration(generation.age_seconds * 1_000),
            generation?.attempts ?? "",
          ]),
        ),
      );
      if (next !== null) shell.say(`${total} in all. Continue with --from ${next}.`);
    });
}

/** `darkroom lanes pause LANE`, `… drain LANE`, `… resume LANE`. */
function changeCommand(shell: Shell, verb: "pause" | "drain" | "resume", description: string) {
  return apiCommand(verb)
    .description(description)
    .argument("<lane>")
    .action(async (lane, { json, url }) => {
      const path = `${pathOf`/admin/lanes/${lane}`}/${verb}`;
      const changed = await shell.connect({ url }).send({ method: "POST", path, as: "admin", answer: laneSchema });
      if (json) return shell.print(asJson(changed.json));
      const { state, waiting, active } = changed.value;
      shell.say(`${lane} is ${state}: ${waiting} waiting, ${active} active.`);
    });
}

function parseCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

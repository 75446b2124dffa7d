import { type Process, processSchema } from "@darkroom/contracts";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PassingProblem } from "../problem.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { formatMoment } from "../text/moments.ts";
import { asJson, table } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";

const processesSchema = z.object({ data: z.array(processSchema) });
const drainedSchema = z.object({ id: z.string(), draining: z.boolean() });

/** A process obeys within five seconds, and may take minutes to finish. */
const lookEveryMs = 1_000;

/** `darkroom processes`: the apis and workers that are alive. */
export function processesCommand(shell: Shell) {
  return apiCommand("processes")
    .description("show the apis and workers that are alive, and what each does")
    .action(async ({ json, url }) => {
      const listed = await shell
        .connect({ url })
        .send({ path: "/admin/processes", as: "admin", answer: processesSchema });
      if (json) return shell.print(asJson(listed.json));
      shell.print(
        table(
          ["name", "kind", "state", "host", "version", "since", "active", "lanes"],
          listed.value.data.map((one) => [
            one.id,
            one.kind,
            one.state + showClock(one),
            one.host,
            one.version,
            formatMoment(one.since),
            one.active,
            one.lanes.map(showLane).join(", "),
          ]),
        ),
      );
    });
}

/** `darkroom drain NAME`. */
export function drainCommand(shell: Shell) {
  return apiCommand("drain")
    .description("have one api or worker finish what it does and end, as SIGTERM does")
    .argument("<name>", "as `darkroom processes` shows it")
    .option("--wait", "wait until it has ended")
    .action(async (name, { wait, json, url }) => {
      const service = shell.connect({ url });
      const path = pathOf`/admin/processes/${name}/drain`;
      const drained = await service.send({ method: "POST", path, as: "admin", answer: drainedSchema });
      if (json) shell.print(asJson(drained.json));
      shell.say(`${name} drains: within five seconds it takes nothing new, and it ends when it has finished.`);
      if (!wait) return;
      try {
        while (await isAlive(service, name)) await sleep(lookEveryMs);
      } catch (error) {
        if (!(error instanceof PassingProblem)) throw error;
        return shell.say(
          "The api that was asked does not answer any more. It is the process that ended, or look again later.",
        );
      }
      shell.say(`${name} has ended.`);
    });
}

async function isAlive(service: Pick<HttpApi, "send">, name: string): Promise<boolean> {
  const { value } = await service.send({ path: "/admin/processes", as: "admin", answer: processesSchema });
  return value.data.some(({ id }) => id === name);
}

const showLane = ({ lane, active, concurrency, paused }: Process["lanes"][number]): string =>
  `${lane} ${active}/${concurrency}${paused ? " (paused)" : ""}`;

/** A clock that is off by so much is no matter of the way of a heartbeat. */
const toldFromSeconds = 30;

const showClock = ({ clock_ahead_seconds: ahead }: Process): string =>
  Math.abs(ahead) < toldFromSeconds ? "" : `, clock ${Math.abs(ahead)} s ${ahead > 0 ? "ahead" : "behind"}`;

import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { readScript } from "@darkroom/redis";
import { monitorRedis } from "@darkroom/testing";
import type { System } from "../systems/system.ts";

/** Commands a second, those that scripts call included. */
export type CommandRates = {
  all: number;
  /** Of them, those that renew the locks of running jobs. */
  locks: number;
  /** All of them by what sent them: one of our scripts by its name, or a command and the kind of its key. The most frequent first. */
  byCause: { cause: string; perSecond: number }[];
};

const packages = path.join(import.meta.dirname, "../../../packages");

/** The name of each of our scripts by its digest. A file that other scripts include is among them, and is never called. */
function nameScripts(): ReadonlyMap<string, string> {
  const files = globSync("*/src/**/*.lua", { cwd: packages }).map((file) => path.join(packages, file));
  return new Map(
    files.map((file) => [
      createHash("sha1")
        .update(readScript(pathToFileURL(file)))
        .digest("hex"),
      path.basename(file, ".lua"),
    ]),
  );
}

/** `hget generation` for HGET darkroom:generation:gen_…; the name of a script for its call. */
function causeOf([name = "", first = ""]: readonly string[], scripts: ReadonlyMap<string, string>): string {
  const command = name.toLowerCase();
  // Once for each connection and script that Redis does not know.
  if (command === "eval") return "a script that is sent whole";
  if (command === "evalsha") return scripts.get(first) ?? "a script of BullMQ";
  return `${command} ${first.split(":").slice(1, 2).join("")}`.trim();
}

/** Counts what a Redis is sent for a time, in milliseconds. */
export async function countCommands({ redisUrl }: Pick<System, "redisUrl">, forMs: number): Promise<CommandRates> {
  const scripts = nameScripts();
  const causes = new Map<string, number>();
  let [all, locks, cause] = [0, 0, "a script that began before"];
  const monitor = await monitorRedis(redisUrl, ({ words, byScript }) => {
    // Redis runs a script whole: what it calls follows its own call.
    if (!byScript) cause = causeOf(words, scripts);
    all++;
    if (cause === "renew-locks") locks++;
    causes.set(cause, (causes.get(cause) ?? 0) + 1);
  });
  await pause(forMs);
  monitor.close();
  const rate = (count: number) => (count * 1_000) / forMs;
  return {
    all: rate(all),
    locks: rate(locks),
    byCause: [...causes]
      .map(([name, count]) => ({ cause: name, perSecond: rate(count) }))
      .toSorted((a, b) => b.perSecond - a.perSecond),
  };
}

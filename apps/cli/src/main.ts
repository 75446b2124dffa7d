import { resolve } from "node:path";
import { start } from "./start.ts";

const apps = resolve(import.meta.dirname, "../..");

const usage = `Usage: darkroom start

start   run Redis, the api and the worker on this machine, until Ctrl-C`;

const [command] = process.argv.slice(2);
if (command === "start") {
  await start({ api: resolve(apps, "api/src/main.ts"), worker: resolve(apps, "worker/src/main.ts") });
} else {
  console.error(usage);
  process.exitCode = command === undefined || command === "help" || command === "--help" ? 0 : 2;
}

// `darkroom start` with stubs in place of the api and the worker.
import { resolve } from "node:path";
import { startCommand } from "../commands/start.ts";
import { runCommands } from "../run-commands.ts";

const stub = resolve(import.meta.dirname, "stub-server.ts");
await runCommands([startCommand({ api: stub, worker: stub })], ["start"]);

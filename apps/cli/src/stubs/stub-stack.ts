// `darkroom start` with stubs in place of the api and the worker.
import { resolve } from "node:path";
import { start } from "../start.ts";

const stub = resolve(import.meta.dirname, "stub-server.ts");
await start({ api: stub, worker: stub });

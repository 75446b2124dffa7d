import { createServer } from "node:http";
import { readConfig } from "./config.ts";

/** The least that a refusal can cost: Node alone, and an answer that is the same for all. */
const { PORT } = readConfig();
const body = JSON.stringify({ error: { message: "No.", type: "authentication_error", code: "invalid_api_key" } });

createServer((request, response) => {
  if (request.url === "/healthz") response.end();
  else response.writeHead(401, { "content-type": "application/json" }).end(body);
}).listen(PORT, "127.0.0.1");

process.once("SIGTERM", () => process.exit(0));

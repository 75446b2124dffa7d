// Stands in for the api and for the worker: ready at once, says what it was told, and dies when asked to. With STUB_AFTER_ANOTHER the api's
// port belongs at first to the api of another checkout.
import { once } from "node:events";
import { createServer } from "node:http";
import { stubModels } from "./stub-models.ts";

const port = Number(process.env["WORKER_PORT"] ?? process.env["PORT"]);

const server = createServer((request, response) => {
  if (request.url === "/crash") {
    console.log("The stub was asked to crash.");
    process.exit(3);
  }
  if (request.url === "/v1/models") {
    response.end(JSON.stringify(stubModels));
    return;
  }
  response.end(JSON.stringify({ pid: process.pid, env: process.env }));
});
console.log(JSON.stringify({ level: 40, msg: "The stub warns at its start." }));
const { STUB_SAYS: words } = process.env;
if (words !== undefined) {
  console.log(JSON.stringify({ level: 40, msg: `The stub says ${words}` }));
  console.log(`It says ${words}`);
}
if (process.env["STUB_AFTER_ANOTHER"] !== undefined && process.env["WORKER_PORT"] === undefined)
  await haveAnotherFirst();
server.listen(port, "127.0.0.1", () => console.log(JSON.stringify({ level: 30, msg: `The stub listens on ${port}.` })));

process.on("SIGTERM", () => {
  console.log(JSON.stringify({ level: 40, msg: `The stub on ${port} stops.` }));
  server.close();
  server.closeAllConnections();
});

/** Another api, which is ready and does not know the key. It is gone once it has said so. */
async function haveAnotherFirst(): Promise<void> {
  const another = createServer((request, response) => {
    response.setHeader("connection", "close");
    const asksForHealth = request.url === "/readyz";
    response.writeHead(asksForHealth ? 200 : 401).end("{}");
    if (!asksForHealth) another.close();
  });
  another.listen(port, "127.0.0.1");
  await once(another, "close");
}

// Stands in for the api and for the worker: ready at once, says what it was told, and dies when asked to.
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
server.listen(port, "127.0.0.1", () => console.log(JSON.stringify({ level: 30, msg: `The stub listens on ${port}.` })));

process.on("SIGTERM", () => {
  console.log(JSON.stringify({ level: 40, msg: `The stub on ${port} stops.` }));
  server.close();
  server.closeAllConnections();
});

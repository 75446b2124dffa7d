import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";
import { onTestFinished } from "vitest";

export type Asked = {
  /** `GET /admin/keys?limit=100` */
  line: string;
  authorization: string | undefined;
  /** Undefined where none was sent. */
  body: unknown;
};
export type StubAnswer = { status?: number; headers?: Record<string, string>; body: unknown };

/** Stands in for the api: answers each request as the test says, and remembers what it was asked. */
export async function startStubService(answer: (asked: Asked) => StubAnswer) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const one = {
        line: `${request.method} ${request.url}`,
        authorization: request.headers.authorization,
        body: request.headers["content-type"] === "application/json" ? await json(request) : undefined,
      };
      asked.push(one);
      const { status = 200, headers = {}, body } = answer(one);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    })();
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}`, asked };
}

import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { listeningPort } from "@darkroom/testing";
import { onTestFinished } from "vitest";

type Received = {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
};

/** A receiver of webhooks on a port of its own, until the test ends. It keeps what it got and answers as told. */
export async function startReceiver(answer: (response: ServerResponse) => void) {
  const received: Received[] = [];
  const listener: RequestListener = (message, response) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.on("end", () => {
      const { method, url, headers } = message;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  };
  const server = createServer(listener);
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}/hook?token=t0ken`, port, received };
}

/** Answers with headers at once and then with a little more every 20 ms, for ever. */
export function drip(response: ServerResponse): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write("."), 20);
  response.on("close", () => clearInterval(timer));
}

/** Answers with 100 MB, as fast as they are taken. */
export function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024);
  let left = 1600;
  const more = () => {
    while (left-- > 0) if (!response.write(chunk)) return;
    response.end();
  };
  response.on("drain", more).writeHead(200);
  more();
}

import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";

type ReceivedWebhook = { headers: Record<string, string>; body: string };

/** An http server that takes webhooks and answers 204, or what it is told to. */
export async function startWebhookReceiver() {
  const received: ReceivedWebhook[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ headers, body });
      response.writeHead(status).end();
    });
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answerWith: (next: number): void => void (status = next),
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

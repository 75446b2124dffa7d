import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { createServer as createTcpServer, type Socket } from "node:net";
import { listeningPort } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { generationEvent } from "./generation-event.ts";
import { generation } from "./generation.fixture.ts";
import { postWebhook, type WebhookPost } from "./post-webhook.ts";
import { createWebhookHttp, type WebhookHttpOptions } from "./webhook-http.ts";
import { webhookSecret } from "./webhook-secret.ts";

export const secret = webhookSecret("0123456789abcdef0123456789abcdef", "key_1");
export const oldSecret = webhookSecret("fedcba9876543210fedcba9876543210", "key_1");
export const payload = generationEvent(generation());

const here: WebhookHttpOptions = { allowPrivate: true, allowInsecure: true, timeoutMs: 5000 };
const open = (options: WebhookHttpOptions) => {
  const http = createWebhookHttp(options);
  onTestFinished(() => http.close());
  return http;
};
export const post = (url: string, options: WebhookHttpOptions = {}, more: Partial<WebhookPost> = {}) =>
  postWebhook(
    { url, id: "msg_1", sentAtMs: Date.now(), payload, secrets: [secret], ...more },
    open({ ...here, ...options }),
  );

/** No fact may say more than the sentence needs: the URL can hold a token, and secrets are secrets. */
export const expectNoSecretIn = (answer: unknown) => expect(JSON.stringify(answer)).not.toMatch(/whsec_|t0ken|hook/);

export async function startTcp(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    onConnection(socket);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return listeningPort(server.listen(0, "127.0.0.1"));
}

export async function startTls(options: ServerOptions): Promise<number> {
  const server = createTlsServer(options, (_message, response) => response.end());
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return listeningPort(server.listen(0));
}

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { apiKey, links, startApi, type StartApiOptions } from "../api.fixture.ts";
import { heldWork, request as imageRequest } from "../generation.fixture.ts";

/** More than the buffers between two processes hold. */
const imageSize = 8_000_000;

/** A service with one large image in files, its link, how many images are open, and how many were opened. */
async function openWithImage(options: StartApiOptions = {}, bytes = imageSize) {
  let open = 0;
  let opened = 0;
  const api = await startApi({
    storage: { storage: "filesystem", directory: await temporaryFolder(), links },
    objects: (store) => ({
      ...store,
      openLink: async (url) => {
        const answer = await store.openLink?.(url);
        if (answer === undefined) throw new Error("This store has no links of its own");
        if (answer.status === "ok") {
          open++;
          opened++;
          answer.object.body.once("close", () => open--);
        }
        return answer;
      },
    }),
    ...options,
  });
  await api.store.put("acme/gen_1/0.png", Buffer.alloc(bytes, "x"), { contentType: "image/png" });
  const { pathname, search } = new URL(await api.store.link("acme/gen_1/0.png", { expiresInSeconds: 3_600 }));
  const port = Number(new URL(api.baseUrl).port);
  const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`;
  return {
    api,
    port,
    request,
    openImages: () => open,
    openedImages: () => opened,
    connections: () => connectionsOf(api.app.server),
  };
}

const connectionsOf = (server: { getConnections(done: (error: Error | null, count: number) => void): unknown }) =>
  new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );

/** A connection that sends this and reads nothing of the answer. */
function sendUnread(port: number, bytes: string): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}).pause();
  socket.write(bytes);
  onTestFinished(() => void socket.destroy());
  return socket;
}

test("a connection that pipelines one link hundreds of times, and reads nothing, has one image open", async () => {
  const { port, request, openImages } = await openWithImage();
  sendUnread(port, request.repeat(300));
  await expect.poll(openImages).toBe(1);
  // Another connection is served meanwhile, in as many turns of the event loop as the first had.
  const other = connect(port, "127.0.0.1");
  other.write(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  expect((await text(other)).length).toBeGreaterThan(imageSize);
  await expect.poll(openImages).toBe(1);
});

test("pipelined requests are answered in order, and a connection that sends too many is closed after some", async () => {
  const { port } = await openWithImage();
  const few = connect(port, "127.0.0.1");
  few.end(
    ["/healthz", "/nope", "/v1/models", "/healthz"].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""),
  );
  expect((await text(few)).match(/(?<=HTTP\/1.1 )\d+/g)).toEqual(["200", "404", "401", "200"]);

  const many = connect(port, "127.0.0.1");
  many.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200));
  const answers = await text(many);
  expect(answers.match(/HTTP\/1.1 200/g)).toHaveLength(65);
  expect(answers.match(/connection: close/gi)).toHaveLength(1);
});

test("a pipelined request with a body is read whole, and so is the one after it", async () => {
  const { port } = await openWithImage();
  const body = JSON.stringify({ prompt: "", model: "dall-e-2" });
  const post = `POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const socket = connect(port, "127.0.0.1");
  socket.end(post.repeat(3));
  expect((await text(socket)).match(/'prompt': it must not be empty/g)).toHaveLength(3);
});

test("an answer that its client takes nothing of is cut, and its image is closed", async () => {
  const { port, request, openImages, openedImages, connections } = await openWithImage({ stalledAnswerMs: 200 });
  for (let i = 0; i < 20; i++) sendUnread(port, request);
  // On a busy machine the first is cut before the last is open.
  await expect.poll(openedImages).toBe(20);
  await expect.poll(openImages).toBe(0);
  await expect.poll(connections).toBe(0);
});

test("an answer that its client takes slowly goes on for longer than that", async () => {
  const stalledAnswerMs = 600;
  // Linux takes more of it each time that a third of a buffer of 4 MB is free: often enough in that time on a busy machine, too.
  const bytes = 3 * imageSize;
  const { port, request } = await openWithImage({ stalledAnswerMs }, bytes);
  const socket = sendUnread(port, request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  let received = 0;
  const closed = once(socket, "close");
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
    socket.pause();
    setTimeout(() => socket.resume(), 5);
  });
  const beganAtMs = performance.now();
  socket.resume();
  await closed;
  expect(received).toBeGreaterThan(bytes);
  expect(performance.now() - beganAtMs).toBeGreaterThan(2 * stalledAnswerMs);
});

test("a caller that waits for images for longer than that is not cut, nor is the next request of its connection", async () => {
  const { api } = await openWithImage({ stalledAnswerMs: 100 });
  const held = heldWork(api);
  await api.work(held.work);
  const answered = api.generate(imageRequest);
  await held.begun;
  // Longer than an answer may stand still.
  setTimeout(held.end, 500);
  expect((await answered).status).toBe(200);
  expect((await api.call("/v1/models")).status).toBe(200);
});

test("429 for a link that is read 64 times at once, until one is done; other links are read", async () => {
  const { api, port, request, openImages } = await openWithImage();
  const readers = Array.from({ length: 64 }, () => sendUnread(port, request));
  await expect.poll(openImages).toBe(64);
  const path = request.split(" ")[1] ?? "";
  const refused = await fetch(`${api.baseUrl}${path}`);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(await refused.json()).toMatchObject({
    error: { code: "concurrency_limit_exceeded", message: expect.stringContaining("link is being read 64 times") },
  });
  await api.store.put("acme/gen_2/0.png", Buffer.from("small"), { contentType: "image/png" });
  expect((await api.follow(await api.store.link("acme/gen_2/0.png", { expiresInSeconds: 60 }))).status).toBe(200);
  readers[0]?.destroy();
  await expect.poll(async () => (await fetch(`${api.baseUrl}${path}`, { method: "HEAD" })).status).toBe(200);
});

test("429 for a network of IPv6 that reads 256 images at once, each from an address of its own; another network reads", async () => {
  const { api, port, openImages } = await openWithImage({ trustProxy: true }, 2_000_000);
  const paths = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const key = `acme/gen_1/${index}.png`;
      await api.store.put(key, Buffer.alloc(imageSize, "x"), { contentType: "image/png" });
      const { pathname, search } = new URL(await api.store.link(key, { expiresInSeconds: 3_600 }));
      return pathname + search;
    }),
  );
  for (let reader = 0; reader < 256; reader++) {
    const address = `2001:db8:0:1:${reader.toString(16)}::${reader + 1}`;
    sendUnread(port, `GET ${paths[reader % 4]} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\n\r\n`);
  }
  await expect.poll(openImages).toBe(256);
  const statusFor = async (address: string) => {
    const url = `${api.baseUrl}${paths[4]}`;
    return (await fetch(url, { method: "HEAD", headers: { "x-forwarded-for": address } })).status;
  };
  expect(await statusFor("2001:db8:0:1:ffff::1")).toBe(429);
  expect(await statusFor("2001:db8:0:2::1")).toBe(200);
  expect(await statusFor("198.51.100.7")).toBe(200);
});

test("a connection beyond the most is closed and counted, and those before it are served", async () => {
  const { api, port } = await openWithImage({ maxConnections: 2 });
  const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const served = [0, 1].map(() => connect(port, "127.0.0.1"));
  for (const socket of served) {
    socket.write(request);
    expect(String(await once(socket, "data"))).toContain("200 OK");
  }
  const dropped = connect(port, "127.0.0.1").on("error", () => {});
  dropped.write(request);
  await once(dropped, "close");
  expect(await api.metrics.render()).toContain("darkroom_dropped_connections_total 1\n");
  served[0]?.write(request);
  expect(String(await once(served[0] ?? dropped, "data"))).toContain("200 OK");
  for (const socket of served) socket.destroy();
});

/** What Fastify tells on its channel when the handler of a route begins. */
const handlerBegins = "tracing:fastify.request.handler:start";
const begunSchema = z.object({
  request: z.object({ url: z.string() }),
  reply: z.object({ raw: z.instanceof(ServerResponse) }),
});

test("a request without a key whose client has gone before its turn is not begun: its end would never be told", async () => {
  const api = await startApi();
  const port = Number(new URL(api.baseUrl).port);
  const arrived: ServerResponse[] = [];
  const begun: boolean[] = [];
  const own = "/healthz?of=this-test";
  api.app.server.on("request", ({ url }, response) => {
    if (url === own) arrived.push(response);
  });
  const onBegin = (message: unknown) => {
    const { request, reply } = begunSchema.parse(message);
    if (request.url === own) begun.push(reply.raw.closed);
  };
  subscribe(handlerBegins, onBegin);
  onTestFinished(() => void unsubscribe(handlerBegins, onBegin));
  const sockets = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket;
    }),
  );
  await expect.poll(() => connectionsOf(api.app.server)).toBe(sockets.length);
  // All requests are there, and all clients have gone, before the server reads the first.
  for (const socket of sockets) {
    socket.write(`GET ${own} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.destroy();
  }
  await expect.poll(() => connectionsOf(api.app.server)).toBe(0);
  await expect.poll(() => arrived.every(({ closed }) => closed)).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun.filter((isClosed) => isClosed)).toEqual([]);
  expect(arrived.length, "some came too late for their turn").toBeGreaterThan(begun.length);
});

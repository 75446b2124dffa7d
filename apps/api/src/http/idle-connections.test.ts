import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect, type Socket } from "node:net";
import { listeningPort } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createDrain } from "../drain.ts";
import { createConnectionTurns } from "./connection-turns.ts";
import { closeOnlyIdle } from "./idle-connections.ts";

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** A server whose connections are closed with care, and a connection to it. */
async function open(serve: RequestListener) {
  const turns = createConnectionTurns();
  const drain = createDrain();
  const server = createServer(turns.inTurn(serve));
  closeOnlyIdle(server, { turns, drain });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  const connection = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connect(port, "127.0.0.1");
  const errors: Error[] = [];
  client.on("error", (error) => errors.push(error));
  const [accepted] = await Promise.all([connection, once(client, "connect")]);
  onTestFinished(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { server, drain, client, accepted, errors };
}

/** How many bytes arrive until the connection is closed. */
async function countUntilClosed(client: Socket): Promise<number> {
  let bytes = 0;
  client.on("data", (chunk: Buffer) => (bytes += chunk.length));
  await once(client.resume(), "close");
  return bytes;
}

test("an answer that was ended, and whose client has not taken it yet, is not cut", async () => {
  // More than the buffers of the kernel hold.
  const body = Buffer.alloc(32_000_000);
  const answered = Promise.withResolvers<void>();
  const { server, drain, client, errors } = await open((_, response) => {
    response.end(body);
    answered.resolve();
  });
  client.pause();
  client.write(request);
  await answered.promise;
  drain.leave();
  drain.dismiss();
  server.close();
  const counted = countUntilClosed(client);
  // Until the last byte is taken, however often idle connections are closed.
  const sweep = setInterval(() => server.closeIdleConnections(), 1);
  expect(await counted.finally(() => clearInterval(sweep))).toBeGreaterThan(body.length);
  expect(errors).toEqual([]);
});

/** Answers each request, and says when the first of them is over. */
function answering() {
  const over = Promise.withResolvers<void>();
  const serve: RequestListener = (_, response) => {
    response.once("close", over.resolve);
    response.end("done");
  };
  return { serve, over: over.promise };
}

test("a connection that is silent since before the shutdown is closed at once", async () => {
  const { serve, over } = answering();
  const { server, drain, client, errors } = await open(serve);
  client.resume().write(request);
  await over;
  drain.leave();
  server.closeIdleConnections();
  await once(client, "close");
  expect(errors).toEqual([]);
});

test("a connection that was used during the shutdown serves a request that follows, and is closed when it falls silent", async () => {
  const { serve, over } = answering();
  const { server, drain, client } = await open(serve);
  drain.leave();
  client.write(request);
  await Promise.all([over, once(client, "data")]);
  server.closeIdleConnections();
  client.write(request);
  expect(String((await once(client, "data"))[0])).toContain("done");
  const sweep = setInterval(() => server.closeIdleConnections(), 10);
  await once(client.resume(), "close");
  clearInterval(sweep);
});

test("a connection on which a part of a request has arrived is kept until the deadline is near", async () => {
  const { serve } = answering();
  const { server, drain, client, accepted } = await open(serve);
  client.write(request.slice(0, 20));
  await expect.poll(() => accepted.bytesRead).toBe(20);
  drain.leave();
  server.closeIdleConnections();
  client.write(request.slice(20));
  expect(String((await once(client, "data"))[0])).toContain("done");
  client.write(request.slice(0, 20));
  await expect.poll(() => accepted.bytesRead).toBe(request.length + 20);
  drain.dismiss();
  server.closeIdleConnections();
  await once(client.resume(), "close");
});

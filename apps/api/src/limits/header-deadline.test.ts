import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate as immediate } from "node:timers/promises";
import { listeningPort } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createConnectionTurns } from "../http/connection-turns.ts";
import { createHeaderDeadline } from "./header-deadline.ts";

const request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const late = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n";
const headersTimeout = 200;

/** Sends, and keeps this process from reading what it has sent, as other processes do that take the CPU. After that its timers are run first. */
async function sendAndStandStill(socket: Socket, bytes: string): Promise<void> {
  await immediate();
  socket.write(bytes);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * headersTimeout);
}

/** A server that gives headers 200 ms, and a connection to it that it has accepted. */
async function open() {
  const turns = createConnectionTurns();
  const held = Promise.withResolvers<void>();
  const judge = createHeaderDeadline({ turns, againAfterMs: headersTimeout, answer: (socket) => socket.end(late) });
  const server = createServer(
    { headersTimeout, connectionsCheckingInterval: 20 },
    turns.inTurn((asked, response) => {
      if (asked.url === "/held") void held.promise.then(() => response.end("read"));
      else response.end("read");
    }),
  );
  server.on("clientError", (_, socket: Socket) => judge(socket));
  const accepted = once(server, "connection");
  const socket = connect(await listeningPort(server.listen(0, "127.0.0.1")), "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  await accepted;
  return { socket, release: held.resolve };
}

test("headers that lie in the socket's buffer while the process stands still are not late", async () => {
  const { socket } = await open();
  await sendAndStandStill(socket, request);
  expect(await text(socket)).toContain("HTTP/1.1 200");
});

test("headers of which a part lay there have as much time again, and are read", async () => {
  const { socket } = await open();
  await sendAndStandStill(socket, request.slice(0, 20));
  // Node's timers have run by the first of these, and what was sent is read by the second.
  await immediate();
  await immediate();
  socket.write(request.slice(20));
  expect(await text(socket)).toContain("HTTP/1.1 200");
});

test.each(["", request.slice(0, 20)])("headers that do not come after %j are answered with 408", async (sent) => {
  const { socket } = await open();
  socket.write(sent);
  expect(await text(socket)).toBe(late);
});

test("headers that do not come after a part of them lay there are answered with 408", async () => {
  const { socket } = await open();
  await sendAndStandStill(socket, request.slice(0, 20));
  expect(await text(socket)).toBe(late);
});

test("headers that are late while an earlier request is under way do not take its answer away", async () => {
  const { socket, release } = await open();
  const received = text(socket);
  socket.write(`GET /held HTTP/1.1\r\nhost: x\r\n\r\n${request.slice(0, 20)}`);
  setTimeout(release, 3 * headersTimeout);
  expect(await received).toMatch(/^HTTP\/1\.1 200 [\s\S]*readHTTP\/1\.1 408 /);
});

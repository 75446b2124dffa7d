import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createAuthenticationThrottle, type AuthenticationThrottleLimits } from "./authentication-throttle.ts";

/** A server where everybody waits, and what happened there in its order: requests by their paths as they come and are answered. */
async function start(limits: AuthenticationThrottleLimits) {
  const room = createAuthenticationThrottle(limits);
  const events: string[] = [];
  const server = createServer((request, response) => {
    const { url = "" } = request;
    events.push(`${url} comes`);
    room.wait(request, () => {
      events.push(`${url} is answered`);
      response.end(url);
    });
    server.emit("waiting");
  });
  onTestFinished(() => void server.close());
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  /** Sends requests on a connection of their own, and resolves when the first of them is there. */
  async function send(...paths: string[]) {
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const there = once(server, "waiting");
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
    await there;
    return socket;
  }
  return { room, events, send };
}

/** Until the test ends it. */
const never = 3_600_000;

test("some are answered in each turn, the first to come first", async () => {
  const { events, send } = await start({ perTurn: 2, turnMs: 1, most: 100 });
  const socket = await send("/1", "/2", "/3");
  socket.end("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await text(socket)).toMatch(/\/1HTTP[^]*\/2HTTP[^]*\/3HTTP[^]*\/4$/);
  expect(events.filter((event) => event.endsWith("answered"))).toEqual(
    ["/1", "/2", "/3", "/4"].map((path) => `${path} is answered`),
  );
});

test("of a connection with one who waits no more is read", async () => {
  const { room, events, send } = await start({ perTurn: 1, turnMs: never, most: 100 });
  const socket = await send("/1", "/2");
  socket.end("GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  // Another connection is read, after all that was there to be read.
  await send("/other");
  await send("/another");
  expect(events).not.toContain("/3 comes");
  const answers = text(socket);
  room.close();
  await expect.poll(() => events).toContain("/3 comes");
  room.close();
  expect(await answers).toMatch(/\/1HTTP[^]*\/2HTTP[^]*\/3$/);
});

test("where too many wait there is no waiting", async () => {
  const { room, events, send } = await start({ perTurn: 1, turnMs: never, most: 2 });
  for (const path of ["/1", "/2", "/3"]) await send(path);
  expect(events).toEqual(["/1 comes", "/2 comes", "/3 comes", "/3 is answered"]);
  room.close();
  expect(events.slice(4)).toEqual(["/1 is answered", "/2 is answered"]);
});

test("a client that has disconnected takes no other client's turn for good", async () => {
  const { events, send } = await start({ perTurn: 1, turnMs: 1, most: 100 });
  (await send("/gone")).resetAndDestroy();
  const socket = await send("/here");
  expect(String((await once(socket, "data"))[0])).toMatch(/here$/);
  expect(events).toContain("/here is answered");
});

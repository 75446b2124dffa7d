import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { setImmediate as immediate, setTimeout as pause } from "node:timers/promises";
import { createLogger, createMetrics } from "@darkroom/runtime";
import Fastify from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { createUnauthenticatedLog } from "../http/unauthenticated-log.ts";
import { createBodyDeadline } from "./body-deadline.ts";

const log = createLogger({ name: "api-test", level: "silent", pretty: false });
const dependencies = {
  log,
  metrics: createMetrics({ ofProcess: false }),
  unauthenticatedLog: createUnauthenticatedLog(log),
};

/** Sends, and keeps this process from reading what it has sent, as other processes do that take the CPU. After that its timers are run first. */
async function sendAndStandStill(send: () => void, ms: number): Promise<void> {
  await immediate();
  send();
  // Node's client hands bytes to the socket at the next tick.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Longer than any test lasts, however busy the machine is. */
const never = 60_000;

/** A service that gives bodies no more time than this. */
async function start({ wholeMs = never, upload = { windowMs: never, leastBytes: 1 } }) {
  const deadline = createBodyDeadline(dependencies, { wholeMs, upload });
  const app = Fastify();
  onTestFinished(() => app.close());
  app.addHook("onRequest", async (request) => deadline.begin(request.raw));
  app.addContentTypeParser("upload/read", async () => undefined);
  app.addContentTypeParser("upload/slow", async () => undefined);
  app.addContentTypeParser("upload/refused", async () => undefined);
  app.post("/", async (request, reply) => {
    const type = request.headers["content-type"];
    if (type === "text/plain") return reply.send("read");
    deadline.allowUpload(request.raw, reply.raw);
    if (type === "upload/refused") return reply.send("refused");
    if (type === "upload/slow") await pause(500, request.raw.pause());
    await once(request.raw.resume(), "end");
    return reply.send("read");
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });

  return (type: string) => {
    const sending = httpRequest(url, { method: "POST", agent: false, headers: { "content-type": type } });
    const cut = once(sending, "close");
    sending.on("error", () => {});
    const answered = once(sending, "response").then(([response]) => {
      response.resume();
      return response.statusCode;
    });
    /** Sends a byte every 50 ms. */
    const dribble = async (bytes: number) => {
      for (let i = 0; i < bytes && !sending.destroyed; i++) {
        sending.write("x");
        await pause(50);
      }
    };
    return { sending, answered, cut, dribble };
  };
}

describe("a body", () => {
  test("that comes in time is read", async () => {
    const { dribble, sending, answered } = (await start({}))("text/plain");
    await dribble(2);
    sending.end();
    expect(await answered).toBe(200);
  });

  test("that has come is not late, though the process stood still and has not read it", async () => {
    const { sending, answered } = (await start({ wholeMs: 200 }))("text/plain");
    sending.write("x");
    await pause(50);
    await sendAndStandStill(() => sending.end("y"), 600);
    expect(await answered).toBe(200);
  });

  test("of which some came while the process stood still has as much time again, once", async () => {
    const { sending, answered, cut } = (await start({ wholeMs: 200 }))("text/plain");
    sending.write("x");
    await pause(50);
    await sendAndStandStill(() => sending.write("y"), 600);
    const beganAtMs = performance.now();
    expect(await answered).toBe(408);
    expect(performance.now() - beganAtMs).toBeGreaterThan(150);
    await cut;
  });

  test("that comes too slowly is answered with 408 and cut off", async () => {
    const { dribble, answered, cut } = (await start({ wholeMs: 100 }))("text/plain");
    void dribble(100);
    expect(await answered).toBe(408);
    await cut;
  });
});

describe("an upload", () => {
  test("may take as long as it goes on arriving", async () => {
    const { dribble, sending, answered } = (await start({ wholeMs: 100 }))("upload/read");
    await dribble(8);
    sending.end();
    expect(await answered).toBe(200);
  });

  test("that is silent is answered with 408 and cut off", async () => {
    const { dribble, answered, cut } = (await start({ upload: { windowMs: 100, leastBytes: 1 } }))("upload/read");
    await dribble(1);
    expect(await answered).toBe(408);
    await cut;
  });

  test("that arrives at less than the least speed is answered with 408 and cut off, though it is never silent", async () => {
    const { dribble, answered, cut } = (await start({ upload: { windowMs: 400, leastBytes: 50 } }))("upload/read");
    void dribble(200);
    expect(await answered).toBe(408);
    await cut;
  });

  test("that arrives at the least speed is read for longer than a window", async () => {
    const { dribble, sending, answered } = (await start({ upload: { windowMs: 400, leastBytes: 2 } }))("upload/read");
    await dribble(20);
    sending.end();
    expect(await answered).toBe(200);
  });

  test("that is not read for a while is not late", async () => {
    const { dribble, sending, answered } = (await start({ upload: { windowMs: 100, leastBytes: 50 } }))("upload/slow");
    await dribble(2);
    sending.end();
    expect(await answered).toBe(200);
  });

  test("that was answered already has no more time than other bodies", async () => {
    const { dribble, answered, cut } = (await start({ wholeMs: 100 }))("upload/refused");
    const dribbled = dribble(200);
    expect(await answered).toBe(200);
    await cut;
    await dribbled;
  });
});

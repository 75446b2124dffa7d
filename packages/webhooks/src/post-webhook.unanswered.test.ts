import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { freePort, selfSigned, startStopwatch } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectNoSecretIn, post, startTcp, startTls } from "./post-webhook.fixture.ts";
import { drip, flood, startReceiver } from "./receiver.fixture.ts";

async function timed<T>(call: Promise<T>): Promise<{ answer: T; tookMs: number }> {
  const sinceMs = startStopwatch();
  return { answer: await call, tookMs: sinceMs() };
}

describe("a receiver that wastes time", () => {
  const what = "The receiver did not answer within 0.3 seconds.";
  const noAnswer = { outcome: "retry", status: null, hung: true, what };

  test("by silence is left after less time where it did not answer before", async () => {
    const receiver = await startReceiver(() => undefined);
    const times = { timeoutMs: 20_000, hungTimeoutMs: 300 };
    const { answer, tookMs } = await timed(post(receiver.url, times, { hungBefore: true }));
    expect(answer).toEqual(noAnswer);
    expect(tookMs).toBeLessThan(700);
  });

  test("by silence is left after the time allowed", async () => {
    const receiver = await startReceiver(() => undefined);
    const { answer, tookMs } = await timed(post(receiver.url, { timeoutMs: 300 }));
    expect(answer).toEqual(noAnswer);
    expect(tookMs).toBeLessThan(700);
    expect(receiver.received).toHaveLength(1);
  });

  test("by dripping headers is left after the time allowed", async () => {
    const port = await startTcp((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const timer = setInterval(() => socket.write("x-drip: 1\r\n"), 20);
      socket.on("close", () => clearInterval(timer));
    });
    const { answer, tookMs } = await timed(post(`http://127.0.0.1:${port}/`, { timeoutMs: 300 }));
    expect(answer).toEqual(noAnswer);
    expect(tookMs).toBeLessThan(700);
  });

  test("by never shaking hands is left after the time allowed", async () => {
    const port = await startTcp(() => undefined);
    const { answer, tookMs } = await timed(post(`https://127.0.0.1:${port}/`, { timeoutMs: 300 }));
    expect(answer).toEqual(noAnswer);
    expect(tookMs).toBeLessThan(700);
  });

  test("by a name that is never answered for is left after the time allowed", async () => {
    const resolve = () => new Promise<never>(() => undefined);
    const { answer, tookMs } = await timed(
      post("https://name.example/", { allowPrivate: false, timeoutMs: 300, resolve }),
    );
    expect(answer).toEqual(noAnswer);
    expect(tookMs).toBeLessThan(700);
  });

  test("by dripping a body has said 200, and is not read on for more than a second", async () => {
    const receiver = await startReceiver(drip);
    const { answer, tookMs } = await timed(post(receiver.url));
    expect(answer).toEqual({ outcome: "delivered", status: 200 });
    expect(tookMs).toBeLessThan(2000);
  });

  test("by an answer of 100 MB has said 200, and is read little and kept nothing of", async () => {
    const sockets: Socket[] = [];
    const onConnected = (event: unknown) => {
      if (typeof event === "object" && event !== null && "socket" in event && event.socket instanceof Socket) {
        sockets.push(event.socket);
      }
    };
    subscribe("undici:client:connected", onConnected);
    onTestFinished(() => void unsubscribe("undici:client:connected", onConnected));
    const receiver = await startReceiver(flood);
    const { answer, tookMs } = await timed(post(receiver.url));
    expect(answer).toEqual({ outcome: "delivered", status: 200 });
    expect(tookMs).toBeLessThan(1000);
    expect(sockets).toHaveLength(1);
    expect(sockets[0]?.destroyed).toBe(true);
    // 64 KiB, and what lay in two buffers of as much.
    expect(sockets[0]?.bytesRead).toBeLessThan(256 * 1024);
  });
});

describe("a receiver that cannot be reached is tried again", () => {
  test("refused connection", async () => {
    const answer = await post(`http://127.0.0.1:${await freePort()}/hook?token=t0ken`);
    expect(answer).toEqual({
      outcome: "retry",
      status: null,
      what: "The receiver refused the connection (ECONNREFUSED).",
    });
  });

  test("connection cut before an answer", async () => {
    const port = await startTcp((socket) => socket.once("data", () => socket.destroy()));
    const answer = await post(`http://127.0.0.1:${port}/`);
    expect(answer).toMatchObject({ outcome: "retry", status: null });
    expect(answer).toHaveProperty("what", expect.stringContaining("The connection to the receiver failed ("));
  });

  test("something that is not HTTP", async () => {
    const port = await startTcp((socket) => socket.end("+PONG\r\n"));
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ outcome: "retry", status: null });
  });

  test("a name that does not exist", async () => {
    const resolve = () => Promise.reject(Object.assign(new Error("query"), { code: "ENOTFOUND" }));
    const answer = await post("https://gone.example/", { allowPrivate: false, resolve });
    expect(answer).toMatchObject({ outcome: "retry", status: null });
    expect(answer).toHaveProperty(
      "what",
      expect.stringMatching(/^The name gone\.example has no addresses that the public internet can reach\./),
    );
  });

  test.each([
    ["an untrusted certificate", selfSigned, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["no certificate at all", {}, "ERR_SSL_"],
  ])("TLS with %s", async (_, options, code) => {
    const answer = await post(`https://127.0.0.1:${await startTls(options)}/`);
    expect(answer).toMatchObject({ outcome: "retry", status: null });
    expect(answer).toHaveProperty("what", expect.stringContaining(`The TLS connection failed (${code}`));
  });

  test("TLS where plain http is spoken", async () => {
    const receiver = await startReceiver((response) => response.end());
    const answer = await post(receiver.url.replace("http:", "https:"));
    expect(answer).toHaveProperty("what", expect.stringContaining("The TLS connection failed ("));
    expectNoSecretIn(answer);
  });
});

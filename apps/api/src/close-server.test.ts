import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { apiKey, startApi } from "./api.fixture.ts";
import { closeServer } from "./close-server.ts";
import { drawing } from "./worker.fixture.ts";

const request = { prompt: "a cat", model: "dall-e-2" } as const;
const failure = { code: "upstream_error", message: "It ran to its end." } as const;

test("callers who wait get their answers before the server is gone", async () => {
  const api = await startApi();
  const mayEnd = Promise.withResolvers<void>();
  const draw = drawing(api.store, Buffer.from("image"));
  await api.work(async (attempt) => {
    await mayEnd.promise;
    return draw(attempt);
  });
  const submitted = api.nextSubmission();
  const waiting = api.generate(request);
  await submitted;

  const closed = closeServer({ app: api.app, drain: api.drain, delayMs: 0, deadlineMs: 60_000 });
  await expect.poll(() => api.app.server.listening).toBe(false);
  await expect(fetch(`${api.baseUrl}/healthz`), "no new connection is taken").rejects.toThrow("fetch failed");
  mayEnd.resolve();
  const answer = await waiting;
  expect(answer.status).toBe(200);
  expect(answer.headers.get("connection")).toBe("close");
  await closed;
});

test("near the deadline, callers who still wait are told to send again, and what runs goes on", async () => {
  const api = await startApi();
  const begun = Promise.withResolvers<void>();
  await api.work(async ({ signal }) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { kind: "failed", error: failure };
  });
  const running = api.generate(request);
  await begun.promise;
  const submitted = api.nextSubmission();
  // No worker has this lane.
  const unbegun = api.generate({ prompt: "a cat", model: "doubao-seedream-3-0-t2i" });
  const unbegunId = await submitted;

  await closeServer({ app: api.app, drain: api.drain, delayMs: 0, deadlineMs: 100 });
  const answers = await Promise.all([running, unbegun]);
  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  expect(answers.map(({ headers }) => headers.get("x-should-retry"))).toEqual(["true", "true"]);
  const runningId = answers[0]?.headers.get("x-generation-id") ?? "";
  expect(await answers[0]?.json()).toMatchObject({
    error: {
      code: "overloaded",
      message: `This server is shutting down. Send the request again to keep waiting for ${runningId}.`,
    },
  });
  expect(await api.queue.generations.read(runningId)).toMatchObject({ status: "running" });
  expect(await api.queue.generations.read(unbegunId)).toMatchObject({ status: "canceled" });
});

test("until balancers have noticed, requests are accepted though the process is not ready", async () => {
  const api = await startApi();
  await api.work(drawing(api.store, Buffer.from("image")));
  const closed = closeServer({ app: api.app, drain: api.drain, delayMs: 2_000, deadlineMs: 60_000 });
  const ready = await api.call("/readyz");
  expect([ready.status, ready.headers.get("connection")]).toEqual([503, "close"]);
  const answer = await api.generate(request);
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  await closed;
  await expect(fetch(`${api.baseUrl}/healthz`)).rejects.toThrow("fetch failed");
});

test("a request that comes in over an open connection while draining is sent elsewhere", async () => {
  const api = await startApi();
  api.drain.begin();
  const answer = await api.generate(request);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("x-should-retry")).toBe("true");
  expect(answer.headers.get("connection")).toBe("close");
});

test("a connection whose long answer ends during the shutdown does not hold it up", async () => {
  const api = await startApi();
  await api.work(drawing(api.store, Buffer.alloc(8_000_000)));
  // Its headers are sent before the shutdown begins, so they could not say that the connection will be closed.
  const answer = await api.generate({ ...request, response_format: "b64_json" });
  const closed = closeServer({ app: api.app, drain: api.drain, delayMs: 0, deadlineMs: 60_000 });
  expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(10_000_000);
  await closed;
});

/** A connection to an api, and a request on it that was answered. */
async function connectTo({ baseUrl }: { baseUrl: string }) {
  const socket = connect(Number(new URL(baseUrl).port), "127.0.0.1");
  const errors: Error[] = [];
  socket.on("error", (error) => errors.push(error));
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return { socket, errors };
}

const healthz = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

const nextBytes = async (socket: Socket): Promise<string> => String((await once(socket, "data"))[0]);

/** As long as the pause of the shutdown, and begun before it: its timer goes first, in the same turn of the event loop. */
const delayMs = 100;

test("a request that arrives in the moment in which its idle connection would be closed is answered, and not reset", async () => {
  const api = await startApi();
  const { socket, errors } = await connectTo(api);
  socket.write(healthz);
  await nextBytes(socket);
  setTimeout(() => socket.write(healthz), delayMs);
  const closed = closeServer({ app: api.app, drain: api.drain, delayMs, deadlineMs: 60_000 });
  expect(await nextBytes(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*connection: close/i);
  await closed;
  expect(errors).toEqual([]);
});

test("a connection that is made in the moment in which the port is closed is served, and not reset", async () => {
  const api = await startApi();
  const connected = new Promise<Awaited<ReturnType<typeof connectTo>>>((resolve) =>
    setTimeout(() => resolve(connectTo(api)), delayMs),
  );
  const closed = closeServer({ app: api.app, drain: api.drain, delayMs, deadlineMs: 60_000 });
  const { socket, errors } = await connected;
  socket.write(healthz);
  expect(await nextBytes(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*connection: close/i);
  await closed;
  expect(errors).toEqual([]);
});

test.each([
  ["by a route", "POST /v1/images/generations", `Authorization: Bearer ${apiKey}\r\nContent-Type: text/plain\r\n`, 415],
  ["for a wrong key", "POST /v1/images/generations", "Authorization: Bearer sk-wrong\r\n", 401],
])(
  "while it shuts down, a request that is refused %s before its body has arrived gets the refusal, and no reset",
  async (_, line, headers, status) => {
    const api = await startApi();
    api.drain.leave();
    const { socket, errors } = await connectTo(api);
    const body = "x".repeat(100_000);
    socket.write(`${line} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
    const refusal = await nextBytes(socket);
    expect(refusal).toContain(`HTTP/1.1 ${status} `);
    expect(refusal).not.toMatch(/connection: close/i);
    socket.write(body.slice(10));
    socket.write(healthz);
    expect(await nextBytes(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*connection: close/i);
    await once(socket.resume(), "close");
    expect(errors).toEqual([]);
  },
);

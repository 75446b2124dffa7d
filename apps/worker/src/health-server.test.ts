import { createMetrics } from "@darkroom/runtime";
import { expect, onTestFinished, test } from "vitest";
import { type HealthServerOptions, startHealthServer } from "./health-server.ts";

type Setting = Partial<Omit<HealthServerOptions, "host" | "port">>;

async function get(path: string, over: Setting): Promise<Response> {
  const server = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    whyNotReady: async () => [],
    findFaults: async () => [],
    metrics: createMetrics({ ofProcess: false }),
    ...over,
  });
  onTestFinished(() => server.close());
  return fetch(`http://127.0.0.1:${server.port}${path}`);
}

async function ask(path: string, over: Setting) {
  const response = await get(path, over);
  return { status: response.status, body: await response.json() };
}

test("200 when all is well", async () => {
  expect(await ask("/readyz", {})).toEqual({ status: 200, body: { ready: true, faults: [] } });
  expect(await ask("/healthz", {})).toEqual({ status: 200, body: { healthy: true, faults: [] } });
});

test("503 while no jobs are taken, and why", async () => {
  const answer = await ask("/readyz", { whyNotReady: async () => ["Redis is full."] });
  expect(answer).toEqual({ status: 503, body: { ready: false, faults: ["Redis is full."] } });
});

test("503 when it is unknown whether jobs are taken", async () => {
  const answer = await ask("/readyz", { whyNotReady: () => Promise.reject(new Error("broken")) });
  expect(answer).toMatchObject({ status: 503, body: { ready: false } });
});

test("503 when jobs wait and nothing is fetched, and the lane is named", async () => {
  const answer = await ask("/healthz", { findFaults: async () => ["Lane a: stuck."] });
  expect(answer).toEqual({ status: 503, body: { healthy: false, faults: ["Lane a: stuck."] } });
});

test("200 while Redis is away: a restart would lose paid work", async () => {
  const answer = await ask("/healthz", { findFaults: () => Promise.reject(new Error("away")) });
  expect(answer).toMatchObject({ status: 200 });
});

test("200 with the counters, as Prometheus reads them", async () => {
  const metrics = createMetrics({ ofProcess: false });
  metrics.billedMicros.inc({ model: "m" }, 5);
  const response = await get("/metrics", { metrics });
  expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
  expect(await response.text()).toContain('darkroom_billed_micros_total{model="m"} 5');
});

test("500 when the counters cannot be read, and the next question is answered", async () => {
  const metrics = { contentType: "text/plain", render: () => Promise.reject(new Error("broken")) };
  expect(await ask("/metrics", { metrics })).toMatchObject({ status: 500 });
});

test("404 elsewhere", async () => {
  expect(await ask("/", {})).toMatchObject({ status: 404 });
});

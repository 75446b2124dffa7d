import { expect, onTestFinished, test } from "vitest";
import { startHealthServer } from "./health-server.ts";

async function ask(path: string, over: { isReady?: () => boolean; findFaults?: () => Promise<string[]> }) {
  const server = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    isReady: () => true,
    findFaults: async () => [],
    ...over,
  });
  onTestFinished(() => server.close());
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, body: await response.json() };
}

test("200 when all is well", async () => {
  expect(await ask("/readyz", {})).toEqual({ status: 200, body: { ready: true } });
  expect(await ask("/healthz", {})).toEqual({ status: 200, body: { healthy: true, faults: [] } });
});

test("503 while no jobs are taken", async () => {
  expect(await ask("/readyz", { isReady: () => false })).toMatchObject({ status: 503 });
});

test("503 when jobs wait and nothing is fetched, and the lane is named", async () => {
  const answer = await ask("/healthz", { findFaults: async () => ["Lane a: stuck."] });
  expect(answer).toEqual({ status: 503, body: { healthy: false, faults: ["Lane a: stuck."] } });
});

test("200 while Redis is away: a restart would lose paid work", async () => {
  const answer = await ask("/healthz", { findFaults: () => Promise.reject(new Error("away")) });
  expect(answer).toMatchObject({ status: 200 });
});

test("404 elsewhere", async () => {
  expect(await ask("/", {})).toMatchObject({ status: 404 });
});

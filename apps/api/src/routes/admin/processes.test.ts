import { processSchema } from "@darkroom/contracts";
import { joinFleet } from "@darkroom/redis";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const lanes = [{ lane: "openai.interactive", concurrency: 20, active: 3, paused: false }];

test("the processes that are alive are shown, and one is told to stop", async () => {
  const api = await startApi();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { redis, keys } = api;
  const facts = {
    kind: "worker",
    host: "node-1",
    pid: 42,
    version: "0.1.0",
    state: "running",
    active: 3,
    lanes,
  } as const;
  const log = { info() {}, warn() {} };
  const member = await joinFleet({ redis, keys, name: "worker-1", facts: () => facts, onDrain: ask, log });
  onTestFinished(() => member.close());
  const list = async () => (await (await askAdmin(api, "GET", "/admin/processes")).json()).data;
  const [shown] = await list();
  expect(processSchema.strict().parse(shown)).toEqual({
    object: "process",
    id: "worker-1",
    ...facts,
    since: expect.any(Number),
    last_seen: expect.any(Number),
    clock_ahead_seconds: 0,
  });
  const answer = await askAdmin(api, "POST", "/admin/processes/worker-1/drain");
  expect([answer.status, await answer.json()]).toEqual([202, { object: "process", id: "worker-1", draining: true }]);
  member.beat();
  await asked;
  expect(await list()).toMatchObject([{ id: "worker-1", state: "draining" }]);
});

test("404 for a process that is not alive", async () => {
  const api = await startApi();
  expect((await askAdmin(api, "POST", "/admin/processes/worker-1/drain")).status).toBe(404);
});

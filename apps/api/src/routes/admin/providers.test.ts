import { shownDeploymentSchema } from "@darkroom/contracts";
import type { DeploymentFacts } from "@darkroom/deployments/figures";
import { joinFleet, type ProcessFacts, redisTime } from "@darkroom/redis";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const told: DeploymentFacts["deployments"][number] = {
  name: "main",
  model: "gpt-image-2",
  provider: "openai",
  address: "https://eu.example.com/v1",
  upstreamModel: null,
  priority: 1,
  weight: 3,
  requestsPerMinute: null,
  imagesPerMinute: 100,
  concurrency: 20,
};

async function openFleet() {
  const api = await startApi();
  const { redis, keys } = api;
  const join = async (name: string, deployments: unknown) => {
    const facts = (): ProcessFacts => ({
      kind: "worker",
      host: "n",
      pid: 1,
      version: "0.1.0",
      state: "running",
      active: 0,
      lanes: [],
      deployments,
    });
    const log = { info() {}, warn() {} };
    const member = await joinFleet({ redis, keys, name, facts, onDrain() {}, log });
    onTestFinished(() => member.close());
  };
  return { api, redis, keys, join, read: async () => (await askAdmin(api, "GET", "/admin/providers")).json() };
}

test("deployments are shown as most workers have them, with how each stands, and what is wrong with the file", async () => {
  const { redis, keys, join, read } = await openFleet();
  await join("worker-1", { mistakes: [], deployments: [told] });
  await join("worker-2", { mistakes: [], deployments: [{ ...told, weight: 1 }] });
  await join("worker-3", { mistakes: ["deployments.yaml:3:1: unknown key"], deployments: [told] });
  const nowMs = await redisTime(redis);
  const second = Math.floor(nowMs / 1_000);
  const state = {
    closedUntil: nowMs + 60_000,
    notedAt: nowMs,
    reason: "limit",
    pace: 1,
    failures: 2,
    serviceMs: 1_500,
  };
  await redis.hset(keys.deployment("main"), state);
  await redis.zadd(keys.deploymentCalls("main"), nowMs + 60_000, "a call", nowMs - 1, "of a dead worker");
  // In each second: requests, images.
  const write = "return redis.call('SET', KEYS[1], cmsgpack.pack(cjson.decode(ARGV[1])))";
  await redis.eval(write, 1, keys.deploymentAsked("main"), JSON.stringify([second - 90, 9, 9, second, 2, 5]));
  const { data, mistakes } = await read();
  expect(data).toHaveLength(1);
  const [shown] = data;
  expect(shownDeploymentSchema.strict().parse(shown)).toEqual({
    object: "deployment",
    id: "main",
    model: "gpt-image-2",
    provider: "openai",
    address: "https://eu.example.com/v1",
    upstream_model: null,
    priority: 1,
    weight: 3,
    limits: { requests_per_minute: null, images_per_minute: 100, concurrency: 20 },
    state: "closed",
    closed_ms: expect.any(Number),
    closed_for: "limit",
    failures: 2,
    under_way: 1,
    requests_last_minute: 2,
    images_last_minute: 5,
    call_ms: 1_500,
    workers: 2,
  });
  expect(shown.closed_ms).toBeGreaterThan(0);
  expect(mistakes).toEqual([{ process: "worker-3", lines: ["deployments.yaml:3:1: unknown key"] }]);
});

test("a worker without a file, and one that tells what this release cannot read, hide no other", async () => {
  const { join, read } = await openFleet();
  await join("worker-1", undefined);
  await join("worker-2", { deployments: "of a newer release" });
  await join("worker-3", { mistakes: [], deployments: [told] });
  expect(await read()).toMatchObject({
    object: "list",
    data: [{ id: "main", state: "open", workers: 1 }],
    mistakes: [],
  });
});

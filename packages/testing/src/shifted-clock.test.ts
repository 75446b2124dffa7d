import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startRedis } from "./redis-process.ts";
import { openShiftedClock } from "./shifted-clock.ts";

const dayMs = 86_400_000;
const clock = await openShiftedClock();

test.skipIf(clock === null)("the clocks of Node and of Redis are set forward, and keys expire by it", async () => {
  if (clock === null) throw new Error("There is a clock");
  onTestFinished(() => clock.close());
  const server = await startRedis({ persist: false, environment: clock.environment });
  onTestFinished(() => server.stop());
  const redis = new Redis(server.url);
  onTestFinished(() => redis.disconnect());
  await redis.set("key", "value", "PX", dayMs);
  await clock.forward(2 * dayMs);
  const ofRedis = Number((await redis.time())[0]) * 1_000;
  const { stdout } = await promisify(execFile)(process.execPath, ["-p", "Date.now()"], { env: clock.environment });
  for (const timeMs of [ofRedis, Number(stdout)]) {
    expect(timeMs - Date.now()).toBeGreaterThan(2 * dayMs - 10_000);
    expect(timeMs - Date.now()).toBeLessThan(2 * dayMs + 10_000);
  }
  expect(await redis.get("key")).toBeNull();
});

test.skipIf(clock === null)("the clock of Node is set back", async () => {
  const behind = await openShiftedClock();
  if (behind === null) throw new Error("There is a clock");
  onTestFinished(() => behind.close());
  await behind.forward(-600_000);
  const { stdout } = await promisify(execFile)(process.execPath, ["-p", "Date.now()"], { env: behind.environment });
  expect(Math.abs(Number(stdout) + 600_000 - Date.now())).toBeLessThan(10_000);
});

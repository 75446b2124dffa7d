import { randomBytes } from "node:crypto";
import { createKeys, connectWorker, untilConnected } from "@darkroom/redis";
import { removeKeys, testRedisUrl } from "@darkroom/testing";
import type { ImageProvider } from "@darkroom/providers";
import { onTestFinished } from "vitest";
import { type ChooseOptions, createDeploymentLimits, type DeploymentLimitsOptions } from "./deployment-limits.ts";
import { type Deployment, deploymentSchema } from "./deployment-schema.ts";
import type { OpenDeployment } from "./open-deployment.ts";

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** An upstream that draws nothing, with what a test says of it. */
export const aDeployment = (over: Partial<Deployment> = {}, generate?: ImageProvider["generate"]): OpenDeployment => ({
  ...deploymentSchema.parse({ name: "a", provider: "openai" }),
  ...over,
  adapter: { name: "openai", generate: generate ?? (async () => ({ images: [], missing: [] })) },
  requestsFor: () => 1,
  limitsName: over.name ?? "a",
  secrets: [],
});

/** The limits as some workers have them, each on a connection of its own, under a prefix of the test's own. */
export async function openLimits({
  workers = 1,
  ...options
}: { workers?: number } & Partial<DeploymentLimitsOptions> = {}) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const keys = createKeys(prefix);
  const opened = await Promise.all(
    Array.from({ length: workers }, async () => {
      const redis = connectWorker(testRedisUrl(), () => {});
      onTestFinished(() => redis.disconnect());
      await untilConnected(redis, 5_000);
      const limits = createDeploymentLimits({ redis, keys, leaseMs: 30_000, log: silent, ...options });
      onTestFinished(() => limits.close());
      return { redis, limits };
    }),
  );
  const [first] = opened;
  if (first === undefined) throw new Error("A test needs a worker");
  onTestFinished(() => removeKeys(first.redis, prefix));
  const choose = (
    deployments: readonly OpenDeployment[],
    more: Partial<Pick<ChooseOptions, "images" | "isBatch" | "waiting">> = {},
    worker = 0,
  ) => (opened[worker] ?? first).limits.choose({ model: "m", deployments, images: 1, isBatch: false, ...more });

  return {
    redis: first.redis,
    keys,
    choose,
    /** Chooses, and throws where there is no room. */
    take: async (...args: Parameters<typeof choose>) => {
      const choice = await choose(...args);
      if (choice.kind === "full") throw new Error(`There is no room for ${choice.waitMs} ms`);
      return choice.call;
    },
    /** Has the deployment `a` asked for one image in a second, and for nothing in others. */
    askedIn: async (second: number) => {
      const write = "return redis.call('SET', KEYS[1], cmsgpack.pack({ tonumber(ARGV[1]), 1, 1 }))";
      await first.redis.eval(write, 1, keys.deploymentAsked("a"), second);
    },
    /** Has a closed deployment open now. */
    open: async (name: string) => {
      await first.redis.hset(keys.deployment(name), { closedUntil: "1", notedAt: "1" });
    },
  };
}

import { type ImageProvider, ProviderError } from "@darkroom/providers";
import { expect, test } from "vitest";
import { createRouter } from "./create-router.ts";
import { openLimits, silent } from "./deployment.fixture.ts";

const signal = new AbortController().signal;
const call = { generationId: "gen_1", model: "m-1", parameters: { prompt: "a cat" }, indexes: [0], signal };

async function openRouter() {
  const { keys, choose, redis } = await openLimits();
  const asked: string[] = [];
  const environment: ImageProvider = {
    name: "openai",
    async generate({ model }) {
      asked.push(model);
      return { images: [], missing: [] };
    },
  };
  const route = createRouter({
    deployments: { of: () => undefined },
    limits: { choose: ({ deployments, images, isBatch }) => choose(deployments, { images, isBatch }) },
    onEnded() {},
    log: silent,
  });
  return { keys, redis, asked, environment, route };
}

test("a model without deployments is drawn by the upstream of the environment, under the model's own id", async () => {
  const { asked, environment, route } = await openRouter();
  const found = await route({ model: "m", environment, images: 1, isBatch: false });
  if (found === undefined || typeof found === "number") throw new Error("There is no way");
  const reply = await found.generate(call, async () => {});
  expect([found.provider, asked, reply.servedBy.name]).toEqual(["openai", ["m-1"], "openai"]);
});

test("its rate limit closes it as it closes a deployment", async () => {
  const { keys, redis, environment, route } = await openRouter();
  const far = Date.now() + 60_000;
  await redis.hset(keys.deployment("openai:m"), { closedUntil: far, notedAt: 1, pace: 1, reason: "limit" });
  expect(await route({ model: "m", environment, images: 1, isBatch: false })).toEqual(expect.any(Number));
});

test.each([
  ["does not know the model", { retryable: false, modelNotServed: true, upstreamStatus: 404 }],
  ["fails at it", { retryable: true, upstreamStatus: 500 }],
])("an upstream that %s is closed for that model, and serves the others", async (_, facts) => {
  const { environment, route } = await openRouter();
  const generate = () =>
    Promise.reject(new ProviderError({ code: "upstream_error", message: "", mayHaveCharged: false, ...facts }));
  const find = (model: string) =>
    route({ model, environment: { ...environment, generate }, images: 1, isBatch: false });
  for (let calls = 0; calls < 5; calls++) {
    const found = await find("gone");
    if (typeof found === "object") await found.generate(call, async () => {});
  }
  expect(await find("gone")).toEqual(expect.any(Number));
  expect(await find("other")).toMatchObject({ provider: "openai" });
});

test("nothing serves a model where the environment names no upstream either", async () => {
  const { route } = await openRouter();
  expect(await route({ model: "m", environment: undefined, images: 1, isBatch: false })).toBeUndefined();
});

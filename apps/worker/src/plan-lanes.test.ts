import type { ImageProvider } from "@darkroom/providers";
import { expect, test } from "vitest";
import { planLanes } from "./plan-lanes.ts";

const provider = (name: string): ImageProvider => ({ name, generate: () => Promise.reject(new Error("Not called")) });
const providers = new Map(["openai", "sandbox"].map((name) => [name, provider(name)]));
const lanes = (named?: string) =>
  planLanes({ providers, named, concurrency: 20 }).map(({ lane, concurrency }) => [lane, concurrency]);

test("without names every provider's lane is worked off", () => {
  expect(lanes()).toEqual([
    ["openai.interactive", 20],
    ["openai.batch", 20],
    ["sandbox.interactive", 20],
    ["sandbox.batch", 20],
  ]);
});

test("the lanes of models with deployments are worked off, though the environment names no key for their provider", () => {
  const plans = planLanes({ providers: new Map(), deployed: new Set(["openai"]), named: undefined, concurrency: 5 });
  expect(plans).toEqual([
    { lane: "openai.interactive", provider: undefined, concurrency: 5 },
    { lane: "openai.batch", provider: undefined, concurrency: 5 },
  ]);
});

test("named lanes have their own concurrency", () => {
  expect(lanes("openai.interactive=50")).toEqual([["openai.interactive", 50]]);
});

test("a lane that cannot be served is refused with those that can", () => {
  expect(() => lanes("volcengine.interactive=5")).toThrow(
    "It can serve: openai.interactive, openai.batch, sandbox.interactive, sandbox.batch.",
  );
});

test("a worker without any provider says what to set", () => {
  expect(() => planLanes({ providers: new Map(), named: undefined, concurrency: 1 })).toThrow(
    "Set OPENAI_API_KEY or ARK_API_KEY, or SANDBOX_FALLBACK=true",
  );
});

import { deploymentOfEnvironment, type EndedCall } from "@darkroom/deployments";
import { ProviderError } from "@darkroom/providers";
import { createMetrics } from "@darkroom/runtime";
import { expect, test } from "vitest";
import { createCountCall } from "./measure-calls.ts";

const deployment = {
  ...deploymentOfEnvironment({ name: "openai", generate: async () => ({ images: [], missing: [] }) }, "m"),
  name: "azure",
};
const limited = new ProviderError({
  code: "overloaded",
  message: "Busy.",
  retryable: true,
  rateLimited: true,
  mayHaveCharged: false,
});
const call = (over: Partial<EndedCall>): EndedCall => ({
  model: "m",
  deployment,
  reply: { images: [], missing: [] },
  durationMs: 5,
  doubtful: 0,
  boughtAgain: 0,
  ...over,
});

test.each<[string, EndedCall, string[]]>([
  [
    "a refusal by its rate limit",
    call({ reply: { images: [], missing: [{ index: 0, error: limited }] } }),
    ['rate_limited_calls_total{model="m"} 1', 'provider_calls_total{upstream="azure",outcome="rate_limited"} 1'],
  ],
  ["an aborted call", call({ reply: null }), ['provider_calls_total{upstream="azure",outcome="aborted"} 1']],
  [
    "images in doubt",
    call({ doubtful: 2 }),
    [
      'doubtful_images_total{upstream="azure",bought_again="no"} 2',
      'provider_calls_total{upstream="azure",outcome="succeeded"} 1',
    ],
  ],
  [
    "images in doubt of which one is bought again",
    call({ doubtful: 3, boughtAgain: 1 }),
    [
      'doubtful_images_total{upstream="azure",bought_again="no"} 2',
      'doubtful_images_total{upstream="azure",bought_again="yes"} 1',
      'provider_calls_total{upstream="azure",outcome="succeeded"} 1',
    ],
  ],
])("%s is counted by its deployment", async (_, ended, lines) => {
  const metrics = createMetrics({ ofProcess: false });
  createCountCall(metrics)(ended);
  const counted = (await metrics.render()).split("\n").filter((line) => /^darkroom_\w+_total\{/.test(line));
  expect(counted.map((line) => line.replace("darkroom_", "")).toSorted()).toEqual(lines.toSorted());
});

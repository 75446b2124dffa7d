import { deploymentOfEnvironment, type OpenDeployment } from "@darkroom/deployments";
import type { Delivery } from "@darkroom/generations";
import type { Prices, Terms } from "@darkroom/models";
import type { ProviderImage } from "@darkroom/providers";
import { describe, expect, test } from "vitest";
import { providerCostOf } from "./provider-cost.ts";

const at = (micros: number): Prices => ({ perImageMicros: { any: { any: micros } } });
const terms: Terms = { model: "m", quality: "high", prices: at(50), providerPrices: at(10) };
const deployment = (providerPrices?: Prices): OpenDeployment => ({
  ...deploymentOfEnvironment({ name: "openai", generate: async () => ({ images: [], missing: [] }) }, "m"),
  ...(providerPrices && { providerPrices }),
});
const image = (index: number): ProviderImage => ({
  index,
  bytes: Buffer.of(1),
  mediaType: "image/png",
  width: 8,
  height: 8,
});
type Given = Parameters<typeof providerCostOf>[0]["reply"];
const reply = (images: number, more: Partial<Given> = {}): Given => ({
  images: Array.from({ length: images }, (_, index) => image(index)),
  missing: [],
  ...more,
});
const earlier = (more: Partial<Delivery> = {}): Delivery => ({
  provider: "openai",
  images: [{ index: 0, key: "a", bytes: 1, mediaType: "image/png", width: 8, height: 8 }],
  ...more,
});

describe("what upstreams charge", () => {
  test.each<[string, Given, Delivery | null, number | null | undefined]>([
    ["is left to the terms where no deployment drew", reply(1), earlier(), undefined],
    ["is by the deployment's own price", reply(2, { servedBy: deployment(at(7)) }), null, 14],
    ["is by the terms where the deployment has none", reply(2, { servedBy: deployment() }), null, 20],
    ["counts images that came unasked", reply(2, { servedBy: deployment(at(7)), drawn: 3 }), null, 21],
    [
      "adds what an earlier deployment charged",
      reply(1, { servedBy: deployment(at(7)) }),
      earlier({ providerCostMicros: 100 }),
      107,
    ],
    ["adds what an earlier attempt drew by the terms", reply(1, { servedBy: deployment(at(7)) }), earlier(), 17],
    [
      "is not known where a part of it is not",
      reply(1, { servedBy: deployment(at(7)) }),
      earlier({ providerCostMicros: null }),
      null,
    ],
    [
      "adds images in doubt that were bought again, by the price of the deployment that may have drawn them",
      reply(2, { servedBy: deployment(at(7)), boughtAgain: [{ deployment: deployment(at(3)), images: 2 }] }),
      null,
      20,
    ],
    [
      "stays what it was where the upstream of the environment drew the rest",
      reply(1),
      earlier({ providerCostMicros: 100 }),
      110,
    ],
  ])("%s", (_, given, before, micros) => {
    expect(providerCostOf({ terms, reply: given, earlier: before })).toBe(micros);
  });

  test("is not known without terms", () => {
    expect(providerCostOf({ terms: null, reply: reply(1, { servedBy: deployment(at(7)) }), earlier: null })).toBeNull();
  });
});

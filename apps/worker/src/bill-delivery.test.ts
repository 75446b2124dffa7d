import { loadCatalogue, termsOf } from "@darkroom/models";
import { createMetrics } from "@darkroom/runtime";
import type { Delivery, MissingImage } from "@darkroom/generations";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createBillDelivery } from "./bill-delivery.ts";
import { createCountEnding } from "./count-ending.ts";

const terms = (id: string, quality?: string) => {
  const model = loadCatalogue().find(id) ?? expect.fail(`no model ${id}`);
  // As it comes out of the record.
  return JSON.parse(JSON.stringify(termsOf(model, { quality })));
};

function deliveryOf(sizes: [number, number][], over: Partial<Delivery> = {}): Delivery {
  const images = sizes.map(([width, height], index) => {
    return { index, key: `k${index}`, bytes: 1, mediaType: "image/png", width, height };
  });
  return { provider: "sandbox", images, ...over };
}

/** Bills one delivery, and gives what was counted and logged beside the bill. */
async function bill(
  over: { terms?: unknown; reservedMicros?: number | null; model?: string },
  delivery: Delivery,
  missing: readonly MissingImage[] = [],
) {
  const metrics = createMetrics({ ofProcess: false });
  const warnings: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line) => void warnings.push(JSON.parse(line)) });
  const billDelivery = createBillDelivery({ metrics, log });
  const plain = { id: "gen_1", tenant: "acme", keyId: "k", model: "dall-e-3", terms: undefined, reservedMicros: null };
  const queued = { lane: "l", queuedAtMs: 0 };
  const record = { ...plain, ...over };
  const billed = billDelivery(record, delivery, missing);
  createCountEnding({ metrics })({ ...record, ...queued }, { status: "succeeded", bill: billed, unbilled: false });
  const counted = (await metrics.render()).split("\n").filter((line) => /^darkroom_(?!generation).* [1-9]/.test(line));
  return { billed, counted, warnings };
}

describe("a delivery is billed by the terms of its record", () => {
  test("each image that was delivered, at its measured size", async () => {
    const reservedMicros = 60_000;
    const sizes: [number, number][] = [
      [1024, 1024],
      [256, 256],
    ];
    expect(await bill({ model: "dall-e-2", terms: terms("dall-e-2"), reservedMicros }, deliveryOf(sizes))).toEqual({
      billed: {
        images: 2,
        inputTokens: 0,
        outputTokens: 0,
        costMicros: 36_000,
        providerCostMicros: null,
        missing: [],
      },
      counted: ['darkroom_billed_micros_total{model="dall-e-2"} 36000'],
      warnings: [],
    });
  });

  test("at the upstream's quality where the caller left it open, with its tokens", async () => {
    const usage = {
      prompt_tokens: 50,
      input_tokens: 50,
      output_tokens: 1056,
      total_tokens: 1106,
      input_tokens_details: { text_tokens: 40, image_tokens: 10 },
    };
    const delivery = deliveryOf([[1024, 1024]], { quality: "medium", usage });
    const { billed } = await bill({ model: "gpt-image-1", terms: terms("gpt-image-1") }, delivery);
    expect(billed).toMatchObject({ costMicros: 40_180, inputTokens: 50, outputTokens: 1056 });
  });

  test("never above what was reserved, with a warning and a count", async () => {
    const { billed, counted, warnings } = await bill(
      { terms: terms("dall-e-3"), reservedMicros: 30_000 },
      deliveryOf([[1024, 1024]]),
    );
    expect(billed.costMicros).toBe(30_000);
    expect(counted).toEqual([
      'darkroom_capped_generations_total{model="dall-e-3"} 1',
      'darkroom_billed_micros_total{model="dall-e-3"} 30000',
    ]);
    expect(warnings).toEqual([
      expect.objectContaining({
        generationId: "gen_1",
        tenant: "acme",
        keyId: "k",
        costMicros: 30_000,
        cappedFromMicros: 40_000,
      }),
    ]);
  });
});

describe("the provider's cost", () => {
  const byImage = {
    ...terms("dall-e-3"),
    providerPrices: { perImageMicros: { standard: { "1024x1024": 30_000 } } },
  };
  const missing = (mayHaveCharged: boolean): MissingImage => ({
    index: 1,
    code: "upstream_error",
    message: "It broke.",
    mayHaveCharged,
  });
  const cost = (delivery: Partial<Delivery>, others: readonly MissingImage[] = []) => {
    const billDelivery = createBillDelivery({
      metrics: createMetrics({ ofProcess: false }),
      log: pino({ level: "silent" }),
    });
    const record = { id: "gen_1", tenant: "acme", keyId: "k", model: "dall-e-3", terms: byImage, reservedMicros: null };
    const { costMicros, providerCostMicros } = billDelivery(record, deliveryOf([[1024, 1024]], delivery), others);
    return [costMicros, providerCostMicros];
  };

  test("has an image that did not come and may have been charged, and none that was refused", () => {
    expect(cost({}, [missing(true)])).toEqual([40_000, 60_000]);
    expect(cost({}, [missing(false)])).toEqual([40_000, 30_000]);
  });

  test("has every image that was drawn, and counts none of them twice", () => {
    expect(cost({ drawn: { images: 3 } })).toEqual([40_000, 90_000]);
    expect(cost({ drawn: { images: 3 } }, [missing(true)])).toEqual([40_000, 90_000]);
  });
});

describe("an unknown cost is null, with a warning and a count", () => {
  const missingPrice = ["an image of 'dall-e-3' at quality 'hd' and size 7x7"];
  const missingTerms = ["the terms of this generation, which its record does not hold in a form that can be read"];
  test.each([
    ["a missing price", terms("dall-e-3", "hd"), missingPrice],
    ["a record without terms", undefined, missingTerms],
    ["terms that are null", null, missingTerms],
    ["terms in a newer form", { ...terms("dall-e-3"), perPixelMicros: 1 }, missingTerms],
  ])("%s", async (_what, recorded, missing) => {
    const delivery = deliveryOf([[7, 7]]);
    const { billed, counted, warnings } = await bill({ terms: recorded, reservedMicros: 40_000 }, delivery);
    expect(billed).toMatchObject({ images: 1, costMicros: null, missing });
    expect(counted).toEqual(['darkroom_unpriced_generations_total{model="dall-e-3"} 1']);
    expect(warnings).toEqual([expect.objectContaining({ level: 40, generationId: "gen_1", missing })]);
  });

  test("but no image costs nothing, whatever the terms", async () => {
    expect(await bill({}, deliveryOf([]))).toMatchObject({ billed: { costMicros: 0 }, counted: [], warnings: [] });
  });
});

describe("what the provider charges is by the deployments that drew, where the delivery says it:", () => {
  const lost: MissingImage = { index: 2, code: "upstream_error", message: "Cut.", mayHaveCharged: true };
  const sizes: [number, number][] = [
    [1024, 1024],
    [1024, 1024],
  ];

  test.each<[string, number | null, MissingImage[], number | null]>([
    ["as it is", 200, [], 200],
    ["with an image that may have been drawn, at the mean of the others", 200, [lost], 300],
    ["without one that was not charged", 200, [{ ...lost, mayHaveCharged: false }], 200],
    ["unknown where it is not known", null, [lost], null],
  ])("%s", async (_, providerCostMicros, missing, charged) => {
    const { billed } = await bill({ terms: terms("dall-e-3") }, deliveryOf(sizes, { providerCostMicros }), missing);
    expect(billed).toMatchObject({ costMicros: 80_000, providerCostMicros: charged });
  });

  test("images that came and cannot be used count once", async () => {
    const delivery = deliveryOf(sizes, { providerCostMicros: 300, drawn: { images: 3 } });
    expect((await bill({ terms: terms("dall-e-3") }, delivery, [lost])).billed.providerCostMicros).toBe(300);
  });
});

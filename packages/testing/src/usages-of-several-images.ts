import { eight, split, unknown, type UsageCase } from "./usage-case.ts";

/** Usages of answers with more than one image, and of streams, which have one usage for each. */
export const usagesOfSeveralImages: readonly UsageCase[] = [
  {
    name: "one asked for, eight came",
    came: 8,
    usage: { input_tokens: 8, output_tokens: 8_000 },
    told: eight,
    billed: 30_040,
    provider: 80_008,
  },
  {
    name: "two came, one of them broken",
    asked: 2,
    broken: 1,
    usage: { input_tokens: 8, output_tokens: 2_000, output_tokens_details: split(201, 1_799) },
    told: { ...eight, output_tokens_details: split(101, 899) },
    billed: 40 + 1_010 + 26_970,
    provider: 8 + 804 + 17_990,
  },
  {
    name: "three asked for, two came: the third may be on the provider's bill",
    asked: 3,
    came: 2,
    usage: { input_tokens: 8, output_tokens: 2_000 },
    told: { ...eight, output_tokens: 2_000 },
    billed: 60_040,
    provider: 30_008,
  },
  {
    name: "a stream with a usage for each image",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 0, output_tokens: 1_000 },
    ],
    told: { ...eight, output_tokens: 2_000 },
    billed: 60_040,
    provider: 20_008,
  },
  {
    name: "a stream whose second event has no usage",
    asked: 2,
    usage: [{ input_tokens: 8, output_tokens: 1_000 }, undefined],
    ...unknown,
  },
  {
    name: "a stream whose first event has no usage",
    asked: 2,
    usage: [null, { input_tokens: 8, output_tokens: 1_000 }],
    ...unknown,
  },
  {
    name: "a stream whose second event counts no output tokens, which an image always has",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 8, output_tokens: 0 },
    ],
    ...unknown,
  },
  {
    name: "a stream whose first event counts no output tokens",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 0 },
      { input_tokens: 8, output_tokens: 1_000 },
    ],
    ...unknown,
  },
  {
    name: "a stream of which one image came",
    asked: 2,
    usage: [{ input_tokens: 8, output_tokens: 1_000 }],
    told: eight,
    billed: 30_040,
    provider: 20_008,
  },
  {
    name: "a stream whose second image is broken",
    asked: 2,
    broken: 1,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 0, output_tokens: 1_000 },
    ],
    told: eight,
    billed: 30_040,
    provider: 20_008,
  },
];

import { isDeepStrictEqual } from "node:util";
import { generationEventSchema, imageRequestSchema } from "@darkroom/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxEventBytes } from "./cut-to-size.ts";
import { generationEvent } from "./generation-event.ts";
import { generation } from "./generation.fixture.ts";

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const image = (revisedPrompt: string, url: string) => ({
  b64_json: null,
  url,
  revised_prompt: revisedPrompt,
  size: "1024x1024",
});

test("an event that fits is the generation as it stands, with the time it ended", () => {
  const ended = generation();
  expect(generationEvent(ended)).toEqual({
    type: "generation.succeeded",
    timestamp: "2026-09-21T14:13:29.000Z",
    data: ended,
  });
});

test.each(["succeeded", "failed", "canceled", "expired"] as const)("%s has a type of its own", (status) => {
  expect(generationEvent(generation({ status })).type).toBe(`generation.${status}`);
});

test("one that has not ended is none", () => {
  expect(() => generationEvent(generation({ status: "running", completed_at: null }))).toThrow("has not ended");
});

test("image bytes stay at home", () => {
  const data = [{ b64_json: "A".repeat(3_000_000), size: "1024x1024" }];
  const event = generationEvent(generation({ response: { created: 1, data } }));
  expect(event.data.response?.data).toEqual([{ b64_json: null, size: "1024x1024" }]);
  expect(event.data.truncated).toBeUndefined();
});

describe("an event that is too large says what it lost", () => {
  test("a prompt of 32,000 characters is cut after 1,000, and no character in half", () => {
    const event = generationEvent(generation({ request: { prompt: "🚲".repeat(32_000) } }));
    expect(event.data.request.prompt).toBe(`${"🚲".repeat(1000)}…`);
    expect(event.data.truncated).toEqual(["request.prompt"]);
    expect(event.data.response).not.toBeNull();
  });

  test("ten long revised prompts go, the links stay", () => {
    const data = Array.from({ length: 10 }, (_, i) => image("x".repeat(4000), `https://images.example/${i}.png`));
    const event = generationEvent(generation({ response: { created: 1, data } }));
    expect(event.data.truncated).toEqual(["request.job", "response.data.revised_prompt"]);
    expect(event.data.response?.data).toHaveLength(10);
    expect(event.data.response?.data[9]?.url).toBe("https://images.example/9.png");
  });

  test("custom parameters go before the links", () => {
    const request = { prompt: "a cat", steps: 9, negative_prompt: "x".repeat(32_000), loras: [{ path: "a" }] };
    const event = generationEvent(generation({ request }));
    expect(event.data.truncated).toEqual(["request.negative_prompt"]);
    expect(event.data.request).toEqual({ ...request, negative_prompt: undefined });
    expect(event.data.response).not.toBeNull();
  });

  test("links that are too long together go, the metadata stays", () => {
    const data = Array.from({ length: 10 }, () => image("x", `https://images.example/${"y".repeat(2500)}`));
    const event = generationEvent(generation({ response: { created: 1, data } }));
    expect(event.data.response).toBeNull();
    expect(event.data.truncated).toContain("response");
    expect(event.data.metadata).toEqual({ order: "17" });
  });
});

test("whatever a caller sends, the event keeps its form, its id and its limit", () => {
  /** At most so many UTF-16 units, as the contract counts them. */
  const text = (maxLength: number) =>
    fc
      .oneof(
        fc.string({ unit: "binary", maxLength }),
        fc.tuple(fc.constantFrom("x", "\u0001", "\\", "語", "🚲"), fc.nat(maxLength)).map(([one, n]) => one.repeat(n)),
      )
      .map((long) => long.slice(0, maxLength));
  const metadata = fc
    .array(fc.tuple(text(64), text(512)), { maxLength: 16, size: "max" })
    .map((pairs) => Object.fromEntries(pairs));
  const caller = fc
    .record({ prompt: text(32_000), user: text(512), metadata })
    .map(({ prompt, user, metadata: pairs }) => ({ prompt, user, job: { metadata: pairs } }))
    // What the api refuses is never told of: an empty prompt, half a surrogate pair, a key that is called __proto__.
    .filter((body) => imageRequestSchema.safeParse(body).success);
  const upstream = fc.record({
    revised: text(4000),
    url: text(3000),
    images: fc.integer({ min: 1, max: 10 }),
    message: text(5000),
  });
  fc.assert(
    fc.property(caller, upstream, (request, { revised, url, images, message }) => {
      const whole = generation({
        request,
        metadata: request.job.metadata,
        response: { created: 1, data: Array.from({ length: images }, () => image(revised, url)) },
        error: { message, type: "server_error", param: null, code: null },
      });
      const json: unknown = JSON.parse(JSON.stringify(generationEvent(whole)));
      expect(bytesOf(json)).toBeLessThanOrEqual(maxEventBytes);
      const { data } = generationEventSchema.parse(json);
      expect(data.id).toBe(whole.id);
      expect(data.truncated === undefined).toBe(isDeepStrictEqual(data, generationEventSchema.shape.data.parse(whole)));
    }),
    { numRuns: 200 },
  );
});

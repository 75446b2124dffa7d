import { loadCatalogue } from "@darkroom/models";
import type { Outcome, Work } from "@darkroom/generations";
import { withinOneDay } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork } from "../../generation.fixture.ts";
import { imageMicros, openLimitedKey, outcomeOf } from "../../limited-key.fixture.ts";
import { askAdmin } from "../admin/admin.fixture.ts";
import { delivering } from "../../worker.fixture.ts";

const usageSchema = z.object({
  usage: z.object({ active: z.int(), reserved: z.int(), spent: z.object({ total: z.int() }) }),
});

/** What a key has under way and has spent, as the admin is told. */
async function usageOf(api: TestApi, id: string) {
  const { usage } = usageSchema.parse(await (await askAdmin(api, "GET", `/admin/keys/${id}`)).json());
  const { active, reserved, spent } = usage;
  return { active, reserved, spent: spent.total };
}

/** Delivers images of another size than was asked for. Of 256x256 one costs 16,000 micros; of 7x7 it has no price. */
const drawingOf = (side: number): Work => {
  const work = delivering(async () => {}, 1);
  return async (attempt) => {
    const outcome = await work(attempt);
    if (outcome.kind !== "succeeded") return outcome;
    const images = outcome.delivery.images.map((image) => ({ ...image, width: side, height: side }));
    return { ...outcome, delivery: { ...outcome.delivery, images } };
  };
};

describe("1,000 requests at once over two instances", () => {
  test("get exactly the images that the budget holds, and what they leave of it is spent later", async () => {
    const api = await startApi();
    const budget = { total: 137 * imageMicros + imageMicros - 1 };
    const { ask, id } = await openLimitedKey(api, { budget });
    const other = await startApi({ beside: api });
    const askAll = (count: number) =>
      Promise.all(
        Array.from({ length: count }, async (_, i) => outcomeOf(await ask({}, {}, i % 2 === 0 ? api : other))),
      );

    const answers = await askAll(1_000);
    const refused = answers.filter(({ status }) => status !== 202);
    expect(refused).toHaveLength(1_000 - 137);
    for (const one of refused) {
      expect(one).toMatchObject({ status: 429, code: "insufficient_quota", shouldRetry: "false", retryAfter: null });
    }
    expect(await usageOf(api, id)).toEqual({ active: 137, reserved: 137 * imageMicros, spent: 0 });

    await api.work(drawingOf(256));
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: 137 * 16_000 });
    // 567,999 micros are left: 28 images at their worst, but each that ends meanwhile leaves some for another.
    const later = (await askAll(100)).filter(({ status }) => status === 202).length;
    expect(later).toBeGreaterThanOrEqual(28);
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: (137 + later) * 16_000 });
    expect((137 + later) * 16_000).toBeLessThanOrEqual(budget.total);
  });
});

describe("429 insufficient_quota", () => {
  withinOneDay();

  test.each(["day", "month"] as const)("for a %s that is used up, with the time until it is over", async (time) => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { budget: { [time]: imageMicros } });
    expect((await ask()).status).toBe(202);
    const sent = new Date();
    const refused = await outcomeOf(await ask());
    expect(refused).toMatchObject({ status: 429, code: "insufficient_quota", shouldRetry: "false" });
    const [year, month, day] = [sent.getUTCFullYear(), sent.getUTCMonth(), sent.getUTCDate()];
    const over = time === "day" ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
    const seconds = (over - sent.getTime()) / 1_000;
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(seconds - 2);
    expect(Number(refused.retryAfter)).toBeLessThanOrEqual(seconds + 2);
  });

  test("counts each image of a request", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { budget: { total: 5 * imageMicros } });
    expect((await ask({ n: 3 })).status).toBe(202);
    const { message } = await outcomeOf(await ask({ n: 3 }));
    expect(message).toMatch(/may spend \$0\.10; \$0\.04 is left, .* may cost \$0\.06\.$/);
    expect((await ask({ n: 2 })).status).toBe(202);
  });

  test("where the budget was set below what is spent and under way, until it is raised; what was accepted goes on", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { total: 3 * imageMicros } });
    const held = heldWork(api);
    await api.work(held.work);
    for (const answer of [await ask(), await ask()]) expect(answer.status).toBe(202);
    const setBudget = (total: number) => askAdmin(api, "PATCH", `/admin/keys/${id}`, { budget: { total } });
    await setBudget(imageMicros);
    const { status, message } = await outcomeOf(await ask());
    expect([status, message]).toEqual([429, expect.stringContaining("may spend $0.02; $0.00 is left")]);
    held.end();
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: 2 * imageMicros });
    expect((await ask()).status).toBe(429);
    await setBudget(3 * imageMicros);
    expect((await ask()).status).toBe(202);
  });

  test("takes nothing from the limits", async () => {
    const api = await startApi();
    const limits = { requests_per_minute: 3, images_per_minute: 10 };
    const { ask } = await openLimitedKey(api, { limits, budget: { total: imageMicros } });
    expect((await ask({ n: 2 })).status).toBe(429);
    const taken = await ask();
    expect(taken.status).toBe(202);
    expect(taken.headers.get("x-ratelimit-remaining-images")).toBe("9");
  });
});

describe("what ends frees what it did not cost", () => {
  const refused: Outcome = { kind: "failed", error: { code: "moderation_blocked", message: "No." } };

  test("all of it where it was refused", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { total: imageMicros } });
    await api.work(async () => ({ ...refused, nothingCharged: true }));
    expect((await ask()).status).toBe(202);
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: 0 });
    expect((await ask()).status).toBe(202);
  });

  test("none of it where the provider may have charged for what failed", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { total: imageMicros } });
    await api.work(async () => refused);
    expect((await ask()).status).toBe(202);
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: imageMicros });
    expect(await outcomeOf(await ask())).toMatchObject({ status: 429, code: "insufficient_quota" });
  });

  test("all of it where it was canceled in line, and none where it ran; a retry of it reserves it again", async () => {
    const api = await startApi();
    const key = await openLimitedKey(api, { budget: { total: 2 * imageMicros } });
    const post = async (answer: Response, action: string) =>
      key.call(`/v1/generations/${answer.headers.get("x-generation-id")}/${action}`, { method: "POST" });
    const queued = await key.ask({ n: 2 });
    expect((await key.ask()).status).toBe(429);
    await post(queued, "cancel");

    const held = heldWork(api);
    await api.work(held.work);
    const running = await key.ask();
    expect(running.status).toBe(202);
    await held.begun;
    expect(await outcomeOf(await post(queued, "retry"))).toMatchObject({ status: 429, code: "insufficient_quota" });
    await post(running, "cancel");
    expect(await usageOf(api, key.id)).toEqual({ active: 0, reserved: 0, spent: imageMicros });
    expect(await outcomeOf(await post(queued, "retry"))).toMatchObject({ status: 429, code: "insufficient_quota" });
    expect((await post(running, "retry")).status).toBe(202);
    expect((await key.ask()).status).toBe(429);
    held.end();
  });

  test("the images that did not come", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { total: 4 * imageMicros } });
    const draw = drawingOf(1024);
    await api.work(async (attempt) => {
      const outcome = await draw(attempt);
      if (outcome.kind !== "succeeded") return outcome;
      return { ...outcome, delivery: { ...outcome.delivery, images: outcome.delivery.images.slice(0, 3) } };
    });
    expect((await ask({ n: 4 })).status).toBe(202);
    await expect.poll(() => usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: 3 * imageMicros });
    expect((await ask({ n: 2 })).status).toBe(429);
    expect((await ask()).status).toBe(202);
  });

  test("nothing where the cost is not known: what was reserved is spent", async () => {
    const api = await startApi();
    const key = await openLimitedKey(api, { budget: { total: imageMicros } });
    await api.work(drawingOf(7));
    const answer = await key.ask();
    await expect.poll(() => usageOf(api, key.id)).toEqual({ active: 0, reserved: 0, spent: imageMicros });
    const path = `/v1/generations/${answer.headers.get("x-generation-id")}`;
    expect((await generationIn(await key.call(path))).cost).toBeNull();
    expect((await key.ask()).status).toBe(429);
  });
});

describe("a key with a budget", () => {
  test("draws with every model, and nothing but a prompt", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { budget: { month: 1_000_000_000 } });
    for (const { id } of loadCatalogue().models) {
      expect([id, (await ask({ model: id, size: undefined })).status]).toEqual([id, 202]);
    }
    expect((await ask({ model: undefined, size: undefined })).status).toBe(202);
  });

  const svgBy = (model?: string) => ({
    model: "gpt-image-2.6-flare",
    size: "1024x1024",
    output_format: "svg",
    ...(model !== undefined && { svg: { model } }),
  });
  test.each([
    [
      "an SVG whose author has no price",
      svgBy("gpt-9"),
      "This API key has a budget, and there is no price for the tokens of 'gpt-9', the author of an SVG of 'gpt-image-2.6-flare'. Ask for another model, or ask the operator of this service to set what is missing.",
    ],
    ["an SVG whose author is not named", svgBy(), /no price for the author of an SVG of 'gpt-image-2.6-flare'/],
  ])("gets a 403 for %s, which has no known price", async (_what, request, message) => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { month: 1_000_000_000 } });
    const refused = await outcomeOf(await ask(request));
    expect(refused).toMatchObject({ status: 403, code: "model_unpriced", shouldRetry: "false" });
    expect(refused.message).toMatch(message);
    expect(await usageOf(api, id)).toEqual({ active: 0, reserved: 0, spent: 0 });
    const without = await openLimitedKey(api, { name: "without-budget" });
    expect((await without.ask(request)).status).toBe(202);
  });

  test("reserves as many images as a series may have", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { budget: { month: 1_000_000_000 } });
    const series = { model: "doubao-seedream-4-5", size: "2K", sequential_image_generation: "auto" };
    expect((await ask({ ...series, sequential_image_generation_options: { max_images: 4 } })).status).toBe(202);
    expect(await usageOf(api, id)).toMatchObject({ reserved: 4 * 40_000 });
    expect((await ask(series)).status).toBe(202);
    expect(await usageOf(api, id)).toMatchObject({ reserved: 19 * 40_000 });
  });
});

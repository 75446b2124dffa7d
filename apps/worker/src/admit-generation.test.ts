import { deploymentOfEnvironment, type Route, type Router } from "@darkroom/deployments";
import type { Delivery, GenerationRecord, Outcome, Work } from "@darkroom/generations";
import type { ImageProvider } from "@darkroom/providers";
import { createLogger, createMetrics } from "@darkroom/runtime";
import { createObjectStore } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { createAdmitGeneration } from "./admit-generation.ts";
import { anAttempt, aRecord } from "./attempt.fixture.ts";
import { createGenerateImages } from "./generate-images.ts";
import { createHeldImages } from "./held-images.ts";
import { createImageStore } from "./image-store.ts";

const own: ImageProvider = { name: "own", generate: async () => ({ images: [], missing: [] }) };
const failed: Outcome = { kind: "failed", error: { code: "server_error", message: "" } };
const delivery: Delivery = {
  provider: "openai",
  images: [{ index: 0, key: "a", bytes: 1, mediaType: "image/png", width: 8, height: 8 }],
};

/** What is asked of the router and of providers, where the router answers with `found`. */
function admitting(found: Route | number | undefined, provider: ImageProvider | undefined = own) {
  const asked: Parameters<Router>[0][] = [];
  const used: string[] = [];
  const route: Router = async (request) => {
    asked.push(request);
    return found;
  };
  const generateWith = (one: Pick<ImageProvider, "name">): Work => {
    return async () => {
      used.push(one.name);
      return failed;
    };
  };
  const lane = createAdmitGeneration({ lane: "openai.batch", provider, route, nowMs: () => 100_000, generateWith });
  if (lane.admit === undefined) throw new Error("A lane with deployments admits");
  return { asked, used, admit: lane.admit, work: lane.work };
}

/** A generation of which no attempt has begun. */
const neverBegun = (n = 1): GenerationRecord => ({ ...aRecord({ n }), status: "queued", startedAtMs: null });

const aRoute = (): Route & { released: number } => ({
  provider: "azure",
  released: 0,
  generate: async () => Promise.reject(new Error("Not asked")),
  async release() {
    this.released++;
  },
});

describe("before an attempt", () => {
  test("a deployment is asked for the images that are missing", async () => {
    const route = aRoute();
    const { asked, used, admit } = admitting(route);
    const admission = await admit(aRecord({ n: 3, delivery }));
    const waiting = { generationId: "gen_1", queuedAtMs: 0 };
    expect(asked).toEqual([{ model: "m", successor: undefined, environment: own, images: 2, isBatch: true, waiting }]);
    if (typeof admission === "number") throw new Error("It was not admitted");
    await admission.work(anAttempt());
    expect(used).toEqual(["azure"]);
    await admission.release();
    expect(route.released).toBe(1);
  });

  test("a generation waits for as long as no deployment has room", async () => {
    expect(await admitting(700).admit(neverBegun())).toBe(700);
  });

  test("a generation that nothing serves waits for a change of the file", async () => {
    expect(await admitting(undefined, undefined).admit(neverBegun())).toBe(30_000);
  });

  test.each([
    ["has ended", { ...aRecord({}), status: "canceled" as const }],
    ["needs no more images", aRecord({ n: 1, delivery })],
    ["has a series, which is whole", aRecord({ n: 4, delivery, parameters: { sequential_image_generation: "auto" } })],
  ])("one that %s takes no room", async (_, record) => {
    const { asked, admit } = admitting(5_000);
    expect(await admit(record)).toMatchObject({ work: expect.any(Function) });
    expect(asked).toEqual([]);
  });
});

/** The real work of a lane on a store that is empty, and the images that each upstream is asked for. */
function drawing(routerOf: (route: Route) => Router) {
  const log = createLogger({ name: "test", level: "silent", pretty: false });
  const metrics = createMetrics({ ofProcess: false });
  const links = { publicBaseUrl: "http://localhost", signingSecret: "x".repeat(32) };
  const store = createObjectStore({ storage: "memory", links });
  const watch = { wrote() {}, refusesAll: async () => false, untilTaking: async () => {} };
  const held = createHeldImages({ leftForMs: 60_000, log });
  const imageStore = createImageStore({ store, watch, held, patienceMs: 3_000, metrics, log });
  const asked: { upstream: string; indexes: readonly number[] }[] = [];
  const drawnBy =
    (upstream: string): ImageProvider["generate"] =>
    async ({ indexes }) => {
      asked.push({ upstream, indexes });
      const drawn = { bytes: Buffer.from("x"), mediaType: "image/png", width: 8, height: 8 } as const;
      return { images: indexes.map((index) => ({ ...drawn, index })), missing: [] };
    };
  const route = {
    ...aRoute(),
    generate: async (call: Parameters<Route["generate"]>[0]) => ({
      ...(await drawnBy("azure")(call)),
      servedBy: deploymentOfEnvironment({ name: "openai", generate: drawnBy("azure") }, "m"),
      boughtAgain: [],
    }),
  };
  const lane = createAdmitGeneration({
    lane: "openai.interactive",
    provider: { name: "own", generate: drawnBy("own") },
    route: routerOf(route),
    nowMs: () => 100_000,
    generateWith: (provider) => createGenerateImages({ provider, store, imageStore, metrics, log }),
  });
  if (lane.admit === undefined) throw new Error("A lane with deployments admits");
  return { asked, route, admit: lane.admit, work: lane.work };
}

describe("images that were noted and did not come to the store", () => {
  const gone = { key: "k", bytes: 1, mediaType: "image/png", width: 8, height: 8 } as const;
  const lost = (n: number, indexes: number[]) =>
    aRecord({ n, delivery: { provider: "openai", images: indexes.map((index) => ({ ...gone, index })) } });

  async function attemptAt(record: GenerationRecord, answer?: number) {
    const images: number[] = [];
    const { asked, route, admit } = drawing((way) => async (request) => {
      images.push(request.images);
      return answer ?? way;
    });
    const admission = await admit(record);
    if (typeof admission === "number") throw new Error("It was not admitted");
    const outcome = await admission.work(anAttempt({ record }));
    await admission.release();
    return { outcome, asked, images, route };
  }

  test("are asked of a deployment that has room, and not of the environment's upstream", async () => {
    const { outcome, asked, images, route } = await attemptAt(lost(2, [0, 1]));
    expect(outcome.kind).toBe("succeeded");
    expect(asked).toEqual([{ upstream: "azure", indexes: [0, 1] }]);
    expect(images).toEqual([2]);
    expect(route.released).toBe(1);
  });

  test("count against its limits beside those that no attempt has brought", async () => {
    const { asked, images } = await attemptAt(lost(3, [0, 1]));
    expect(asked).toEqual([{ upstream: "azure", indexes: [0, 1, 2] }]);
    expect(images).toEqual([1, 3]);
  });

  test("wait for room where there is none, and no attempt is counted", async () => {
    const { outcome, asked } = await attemptAt(lost(1, [0]), 7_000);
    expect(outcome).toMatchObject({ kind: "retry", rateLimited: "wholly", roomInMs: 7_000 });
    expect(asked).toEqual([]);
  });
});

describe("a generation that has begun and finds no room", () => {
  test("is begun again and asks nobody, so that what ends it is not kept waiting", async () => {
    const { used, admit } = admitting(700);
    const admission = await admit(aRecord({ n: 2, delivery }));
    if (typeof admission === "number") throw new Error("It was not admitted");
    await admission.work(anAttempt());
    expect(used).toEqual(["none"]);
  });

  test.each([
    ["was put back a moment ago", 99_000, 700],
    ["was put back half a minute ago", 70_000, "begun"],
    ["was put back before a clock was set back", 900_000, "begun"],
  ])("%s: it is begun without room every half a minute", async (_, resumesAtMs, expected) => {
    const record = { ...aRecord({ n: 2, delivery }), resumesAtMs };
    const admission = await admitting(700).admit(record);
    expect(typeof admission === "number" ? admission : "begun").toBe(expected);
  });
});

describe("a generation that has not begun and finds no room", () => {
  test.each([
    ["for nine minutes waits", 540_000, 700],
    ["for ten minutes is begun, so that one whose key was stopped ends", 600_000, "begun"],
  ])("%s", async (_, queuedAgoMs, expected) => {
    const record = { ...neverBegun(), queuedAtMs: 100_000 - queuedAgoMs };
    const admission = await admitting(700).admit(record);
    expect(typeof admission === "number" ? admission : "begun").toBe(expected);
  });
});

describe("an attempt that began without it", () => {
  test("is routed, and gives back what it holds", async () => {
    const route = aRoute();
    const { used, work } = admitting(route);
    await work(anAttempt());
    expect([used, route.released]).toEqual([["azure"], 1]);
  });

  test("asks nobody where there is no room", async () => {
    const { used, work } = admitting(700);
    await work(anAttempt());
    expect(used).toEqual(["none"]);
  });

  test("waits where Redis refuses to choose: that passes, and ends no generation", async () => {
    const { work } = drawing(() => () => Promise.reject(new Error("LOADING")));
    expect(await work(anAttempt())).toMatchObject({ kind: "retry", rateLimited: "wholly", roomInMs: 1_000 });
  });
});

test("without a deployments file the lane's provider draws, and nothing is asked before an attempt", async () => {
  const used: string[] = [];
  const generateWith = (one: Pick<ImageProvider, "name">): Work => {
    return async () => {
      used.push(one.name);
      return failed;
    };
  };
  const lane = createAdmitGeneration({
    lane: "openai.interactive",
    provider: own,
    route: undefined,
    nowMs: Date.now,
    generateWith,
  });
  expect(lane.admit).toBeUndefined();
  await lane.work(anAttempt());
  expect(used).toEqual(["own"]);
});

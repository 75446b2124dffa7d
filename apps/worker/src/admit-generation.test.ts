import type { Route, Router } from "@darkroom/deployments";
import type { Delivery, Outcome, Work } from "@darkroom/generations";
import type { ImageProvider } from "@darkroom/providers";
import { describe, expect, test } from "vitest";
import { createAdmitGeneration } from "./admit-generation.ts";
import { anAttempt, aRecord } from "./attempt.fixture.ts";

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
  const lane = createAdmitGeneration({ lane: "openai.batch", provider, route, generateWith });
  if (lane.admit === undefined) throw new Error("A lane with deployments admits");
  return { asked, used, admit: lane.admit, work: lane.work };
}

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
    expect(asked).toEqual([{ model: "m", successor: undefined, environment: own, images: 2, isBatch: true }]);
    if (typeof admission === "number") throw new Error("It was not admitted");
    await admission.work(anAttempt());
    expect(used).toEqual(["azure"]);
    await admission.release();
    expect(route.released).toBe(1);
  });

  test("a generation waits for as long as no deployment has room", async () => {
    expect(await admitting(700).admit(aRecord({}))).toBe(700);
  });

  test("a generation that nothing serves waits for a change of the file", async () => {
    expect(await admitting(undefined, undefined).admit(aRecord({}))).toBe(30_000);
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
});

test("without a deployments file the lane's provider draws, and nothing is asked before an attempt", async () => {
  const used: string[] = [];
  const generateWith = (one: Pick<ImageProvider, "name">): Work => {
    return async () => {
      used.push(one.name);
      return failed;
    };
  };
  const lane = createAdmitGeneration({ lane: "openai.interactive", provider: own, route: undefined, generateWith });
  expect(lane.admit).toBeUndefined();
  await lane.work(anAttempt());
  expect(used).toEqual(["own"]);
});

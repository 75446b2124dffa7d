import { startStopwatch } from "@darkroom/testing";
import { expect, test } from "vitest";
import { aCall } from "./examine-provider.fixture.ts";
import type { PartialImage } from "./image-provider.ts";
import { showPartials } from "./show-partials.ts";

const never = new Promise<never>(() => {});
const partial = async (): Promise<PartialImage> => ({
  index: 0,
  partialIndex: 0,
  bytes: Buffer.from("a sketch"),
  mediaType: "image/png",
  width: 1,
  height: 1,
});

test("one that is never shown holds the result up for three seconds, and keeps back those behind it", async () => {
  let asked = 0;
  const onPartial = () => {
    asked++;
    return never;
  };
  const partials = showPartials(aCall({ model: "m", onPartial }));
  partials.show(partial);
  partials.show(partial);
  const sinceMs = startStopwatch();
  await partials.shown();
  expect(sinceMs()).toBeLessThan(4_000);
  expect(asked).toBe(1);
});

test("an abort ends the wait for them at once", async () => {
  const controller = new AbortController();
  const reason = new Error("canceled by its owner");
  const partials = showPartials(aCall({ model: "m", onPartial: () => never, signal: controller.signal }));
  partials.show(partial);
  const shown = partials.shown();
  controller.abort(reason);
  await expect(shown).rejects.toBe(reason);
});

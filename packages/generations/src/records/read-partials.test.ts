import { expect, test } from "vitest";
import type { PartialImage } from "./partial-image.ts";
import { openQueue } from "../queue.fixture.ts";
import { readPartials } from "./read-partials.ts";

const partial = (partialIndex: number): PartialImage => ({
  index: 0,
  partialIndex,
  key: `acme/gen/partial-0-${partialIndex}.png`,
  mediaType: "image/png",
  width: 8,
  height: 4,
});

test("partial images are read in the order they were shown, and the later ones alone", async () => {
  const { attempts, keys, redis, generations, submission } = await openQueue();
  const { id, lane } = submission();
  await generations.submit(submission({ id }));
  expect(await readPartials(redis, keys, id)).toEqual([]);
  await attempts.start(id, lane);
  for (const index of [0, 1]) await attempts.appendPartial(id, 1, partial(index));
  expect(await readPartials(redis, keys, id)).toEqual([partial(0), partial(1)]);
  expect(await readPartials(redis, keys, id, 1)).toEqual([partial(1)]);
  expect(await readPartials(redis, keys, id, 2)).toEqual([]);
});

import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import { type PartialImage, partialImageSchema } from "./partial-image.ts";

/**
 * The partial images that a generation has shown, in their order, from the `from`-th on. An attempt that follows a broken one shows
 * its own under the same keys: each key is listed as often as it was shown.
 */
export async function readPartials(redis: Redis, keys: Keys, id: string, from = 0): Promise<PartialImage[]> {
  const texts = await redis.lrange(keys.partials(id), from, -1);
  return texts.map((text) => partialImageSchema.parse(JSON.parse(text)));
}

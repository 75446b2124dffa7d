import type { Redis } from "ioredis";

/**
 * How long it is remembered where an entry stood in a list after it was removed, in milliseconds. Callers who walk through a list ask
 * for the next page seconds after the last one. A batch removes up to a thousand entries a second, at some 100 bytes each.
 */
export const formerPlaceMs = 300_000;

/** How the place of a removed entry is stored. The Lua scripts that remove entries write the same. */
export const encodeFormerPlace = (tenant: string, score: number | string): string => `${tenant} ${score}`;

/** The score that a tenant's entry had; null where it is not remembered, or was another tenant's. */
export async function readFormerScore(redis: Redis, key: string, tenant: string): Promise<number | null> {
  const [owner, score] = (await redis.get(key))?.split(" ") ?? [];
  return owner === tenant && score !== undefined ? Number(score) : null;
}

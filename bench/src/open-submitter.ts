import { unlimited } from "@darkroom/accounts";
import type { ImageRequest } from "@darkroom/contracts";
import { createProducer } from "@darkroom/generations";
import { createKeys } from "@darkroom/redis";
import { laneName } from "@darkroom/queue";
import type { Redis } from "ioredis";

/** The keys that Darkroom uses in Redis, and the lane that its requests here are put on. */
export const darkroomKeys = createKeys("darkroom");
export const darkroomLane = laneName("openai", "interactive");

const dayMs = 86_400_000;
const retention = { recordsMs: dayMs, claimsMs: dayMs, tombstonesMs: dayMs };
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Submits generations as the api does, without the api. */
export function openSubmitter(redis: Redis) {
  const { submit } = createProducer({ redis, keys: darkroomKeys }, { retention, log });
  const upstream = { model: "dall-e-2", parameters: { n: 1, size: "256x256" } };
  const terms = { model: "dall-e-2", quality: "auto", prices: { perImageMicros: { any: { "256x256": 16_000 } } } };
  const admission = { ...unlimited, images: 1, worstCaseMicros: 16_000 };
  const same = { keyId: "key_bench", lane: darkroomLane, model: "dall-e-2", upstream, terms, admission };
  return (id: string, tenant: string, request: ImageRequest) => submit({ id, tenant, request, ...same });
}

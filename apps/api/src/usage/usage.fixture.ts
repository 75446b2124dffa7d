import { hashApiKey } from "@darkroom/accounts";
import { usageRowSchema } from "@darkroom/contracts";
import { z } from "zod";
import { apiKey, otherApiKey, type TestApi } from "../api.fixture.ts";

const sumsSchema = usageRowSchema.pick({
  generations: true,
  images: true,
  input_tokens: true,
  output_tokens: true,
  cost: true,
  unpriced: true,
  provider_cost: true,
  provider_cost_unknown: true,
});

export const usageSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(usageRowSchema.strict()),
  total: sumsSchema.strict(),
  from: z.iso.date(),
  to: z.iso.date(),
});

const keyIdOf = (key: string) => `key_${hashApiKey(key).slice(0, 12)}`;

export const [ownKeyId, otherKeyId] = [keyIdOf(apiKey), keyIdOf(otherApiKey)];

/** Counts a success of two images for eight cents, of which the provider gets three, as its ending does. */
export async function countSuccess(api: TestApi, day: string, tenant: string, keyId: string, model = "dall-e-2") {
  const { redis } = api;
  await redis.sadd(`${api.prefix}:usage-tenants:${day}`, tenant);
  const counts = { succeeded: 1, images: 2, output_tokens: 100, cost: 80_000, provider_cost: 30_000 };
  for (const [measure, count] of Object.entries(counts)) {
    await redis.hincrby(`${api.prefix}:usage:${day}:${tenant}`, `${keyId} ${model} ${measure}`, count);
  }
}

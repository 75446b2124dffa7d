import { ApiError, boundedEntries, budgetSchema, limitsSchema, quoteValue } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import { z } from "zod";

/** 31 December 9999, the last day that every reader of dates can write. */
const lastSecond = 253_402_300_799;

/** More than any catalogue has. */
const maxModels = 1_000;

/** The settings of a key, in the bodies of its creation and its change. Null: no restriction. */
export const keySettingsSchema = z.strictObject({
  models: boundedEntries(maxModels, `it may name at most ${maxModels} models`)
    .pipe(z.array(z.string()))
    .refine((models) => models.length > 0, "it must name at least one model; null allows all")
    .nullish(),
  limits: limitsSchema.partial().nullish(),
  budget: budgetSchema.partial().nullish(),
  keep_alive: z.boolean().optional(),
  /** Unix seconds. */
  expires_at: z.int().min(0).max(lastSecond).nullish(),
});

/** The catalogue ids of the models that a body names, by id or alias. Throws `ApiError` for one that is not served. */
export function resolveModels(catalogue: Catalogue, models: readonly string[]): string[] {
  const ids = models.map((name, i) => {
    const model = catalogue.find(name);
    if (model !== undefined) return model.id;
    const served = catalogue.models.map(({ id }) => quoteValue(id)).join(", ");
    throw new ApiError("invalid_request_error", `${quoteValue(name)} is not served here; the models are: ${served}.`, {
      param: `models.${i}`,
    });
  });
  return [...new Set(ids)];
}

/** The time at which a key ends, in milliseconds. Throws `ApiError` for one that is over by the time of the keyring. */
export function expiryMs(expiresAt: number, nowMs: number): number {
  const expiresAtMs = expiresAt * 1_000;
  if (expiresAtMs > nowMs) return expiresAtMs;
  const message = `Invalid 'expires_at': ${expiresAt} is in the past. Unix seconds are expected; to stop a key, disable it.`;
  throw new ApiError("invalid_request_error", message, { param: "expires_at" });
}

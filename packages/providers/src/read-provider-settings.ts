import { z } from "zod";
import { type HttpSettings, httpSettingsSchema } from "./http/settings.ts";
import * as registry from "./registry.ts";

/** The settings of the HTTP door and of each registered provider, by its name. Holds keys: never log it. */
export type ProviderSettings = { http: HttpSettings; providers: Record<string, Record<string, unknown>> };

/** The settings schemas by section, for a configuration table: what may be set, its default, and what it does. */
export const providerSettingsSchemas: Readonly<Record<string, z.ZodObject>> = {
  http: httpSettingsSchema,
  ...Object.fromEntries(Object.values(registry).map(({ name, settingsSchema }) => [name, settingsSchema])),
};

/**
 * Reads every provider's settings from an environment, without its reader knowing the providers. An empty variable counts as unset
 * (Compose passes those). Throws an `Error` with one line for each variable at fault; values are not repeated, they may be keys.
 */
export function readProviderSettings(env: Readonly<Record<string, string | undefined>>): ProviderSettings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const faults = Object.values(providerSettingsSchemas).flatMap((schema) => {
    const issues = schema.safeParse(given).error?.issues ?? [];
    return issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  });
  if (faults.length > 0) throw new Error(`The settings of the providers are not usable:\n${faults.join("\n")}`);
  return {
    http: httpSettingsSchema.parse(given),
    providers: Object.fromEntries(
      Object.values(registry).map(({ name, settingsSchema }) => [name, settingsSchema.parse(given)]),
    ),
  };
}

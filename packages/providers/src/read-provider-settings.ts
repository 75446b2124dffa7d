import { type Environment, readSettings } from "@darkroom/runtime";
import { z } from "zod";
import { type HttpSettings, httpSettingsSchema } from "./http/settings.ts";
import type { ProviderDefinition } from "./provider-definition.ts";
import * as registry from "./registry.ts";

/** The settings of the HTTP client and of each registered provider, by its name. Holds keys: never log it. */
export type ProviderSettings = { http: HttpSettings; providers: Record<string, Record<string, unknown>> };

/** The settings schemas by section, for a configuration table: what may be set, its default, and what it does. */
export const providerSettingsSchemas: Readonly<Record<string, z.ZodObject>> = {
  http: httpSettingsSchema,
  ...Object.fromEntries(Object.values(registry).map(({ name, settingsSchema }) => [name, settingsSchema])),
};

/**
 * Reads every provider's settings from an environment, without its reader knowing the providers. Throws one `SettingsError` for all
 * variables at fault together.
 */
export function readProviderSettings(environment: Environment): ProviderSettings {
  const definitions = Object.values<ProviderDefinition>(registry);
  const everything = z.object(Object.assign({}, ...Object.values(providerSettingsSchemas).map(({ shape }) => shape)));
  const read = readSettings(everything, environment);
  const own = (schema: z.ZodObject) => Object.fromEntries(Object.keys(schema.shape).map((name) => [name, read[name]]));
  return {
    http: readSettings(httpSettingsSchema, environment),
    providers: Object.fromEntries(definitions.map(({ name, settingsSchema }) => [name, own(settingsSchema)])),
  };
}

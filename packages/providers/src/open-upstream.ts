import { readSettings, SettingsError } from "@darkroom/runtime";
import type { ImageProvider } from "./image-provider.ts";
import {
  type ProviderDefinition,
  type ProviderDeps,
  type UpstreamAddress,
  UpstreamFault,
} from "./provider-definition.ts";
import type { ProviderSettings } from "./read-provider-settings.ts";
import * as registry from "./registry.ts";

/** The names of all providers. */
export const providerNames: readonly string[] = Object.values<ProviderDefinition>(registry).map(({ name }) => name);

/** An upstream that can be called. */
export type OpenUpstream = {
  adapter: ImageProvider;
  /** How many requests the upstream counts for a call of so many images. */
  requestsFor(images: number): number;
};

export type UpstreamOptions = { settings: Pick<ProviderSettings, "providers">; deps: ProviderDeps };

/** Makes the adapter of an upstream that is described by an address and a key, beside those of the environment. Throws `UpstreamFault`. `deployment`: its name. */
export function openUpstream(
  { provider, ...address }: UpstreamAddress & { provider: string },
  { settings, deps }: UpstreamOptions,
  deployment?: string,
): OpenUpstream {
  const definitions = Object.values<ProviderDefinition>(registry);
  const definition = definitions.find(({ name }) => name === provider);
  if (definition === undefined) {
    throw new UpstreamFault("provider", `expected one of ${providerNames.join(", ")}`);
  }
  const adapter = definition.create(settingsOf(definition, address, settings), deps);
  return {
    adapter: deps.decorate?.(adapter, deployment) ?? adapter,
    requestsFor: (images) => definition.requestsFor?.(images) ?? 1,
  };
}

function settingsOf(
  definition: ProviderDefinition,
  address: UpstreamAddress,
  { providers }: UpstreamOptions["settings"],
): Record<string, unknown> {
  const { name } = definition;
  if (definition.settingsOf === undefined) {
    const { headers = {}, ...rest } = address;
    const given = { ...rest, headers: Object.keys(headers).length > 0 ? headers : undefined };
    for (const field of ["baseUrl", "apiKey", "headers"] as const)
      if (given[field] !== undefined) throw new UpstreamFault(field, `the provider ${name} has no ${field}`);
    return providers[name] ?? {};
  }
  try {
    const settings = readSettings(definition.settingsSchema, definition.settingsOf(address));
    if (definition.isConfigured(settings)) return settings;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new UpstreamFault(undefined, error.faults.join("; "));
  }
  throw new UpstreamFault("apiKey", `the provider ${name} needs an apiKey`);
}

import type { Logger } from "@darkroom/runtime";
import type { ImageProvider } from "./image-provider.ts";
import type { ProviderDefinition, ProviderDeps } from "./provider-definition.ts";
import type { ProviderSettings } from "./read-provider-settings.ts";
import * as registry from "./registry.ts";

export type CreateProvidersOptions = {
  settings: ProviderSettings;
  deps: ProviderDeps;
  /** Whether the sandbox takes the place of a provider without a key. For a local stack: elsewhere invented images are not wanted. */
  sandboxFallback: boolean;
  logger?: Pick<Logger, "warn"> | undefined;
};

/**
 * Makes every provider that has what it needs, by the name that the catalogue uses. One without a key is absent, or with
 * `sandboxFallback` stood in for by the sandbox, whose own `name` tells (see `standIns`).
 */
export function createProviders(options: CreateProvidersOptions): Map<string, ImageProvider> {
  const providers = new Map<string, ImageProvider>();
  const { decorate = (provider) => provider } = options.deps;
  const make = (definition: ProviderDefinition) =>
    decorate(definition.create(options.settings.providers[definition.name] ?? {}, options.deps));
  const sandbox = make(registry.sandbox);
  for (const definition of Object.values<ProviderDefinition>(registry)) {
    if (definition.isConfigured(options.settings.providers[definition.name] ?? {})) {
      providers.set(definition.name, definition.name === sandbox.name ? sandbox : make(definition));
    } else if (options.sandboxFallback) {
      providers.set(definition.name, sandbox);
      options.logger?.warn(
        { provider: definition.name },
        `The provider ${definition.name} has no key: the sandbox draws in its place.`,
      );
    }
  }
  return providers;
}

/** The names of the providers that the sandbox stands in for. */
export function standIns(providers: ReadonlyMap<string, ImageProvider>): string[] {
  return [...providers].filter(([name, provider]) => provider.name !== name).map(([name]) => name);
}

export { createProviders, type CreateProvidersOptions, standIns } from "./create-providers.ts";
export { createHttpDoor, type HttpDoor } from "./http/http-door.ts";
export type { ImageProvider, PartialImage, ProviderCall, ProviderImage, ProviderReply } from "./image-provider.ts";
export type { ProviderDefinition, ProviderDeps, SandboxCall } from "./provider-definition.ts";
export { ProviderError, type ProviderErrorFacts } from "./provider-error.ts";
export { type ProviderSettings, providerSettingsSchemas, readProviderSettings } from "./read-provider-settings.ts";

export { createImageChecker, type ImageChecker, imageDecodings } from "./check-image.ts";
export { createProviders, type CreateProvidersOptions, standIns } from "./create-providers.ts";
export { createHttpClient, type HttpClient } from "./http/http-client.ts";
export type { ImageProvider, PartialImage, ProviderCall, ProviderImage, ProviderReply } from "./image-provider.ts";
export type { ProviderDefinition, ProviderDeps, SandboxCall } from "./provider-definition.ts";
export { ProviderError, type ProviderErrorFacts } from "./provider-error.ts";
export { createSpool, type Spool } from "./spool/spool.ts";
export { bodyOf, type ImageBytes, releaseBytes, sha256Of, SpooledBytes } from "./spool/spooled-bytes.ts";
export { type ProviderSettings, providerSettingsSchemas, readProviderSettings } from "./read-provider-settings.ts";

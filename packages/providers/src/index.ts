export type { ImageProvider, ProviderCall, ProviderImage, ProviderReply } from "./image-provider.ts";
export { ProviderError, type ProviderErrorFacts } from "./provider-error.ts";

import { ProviderError } from "../provider-error.ts";

/** An image of a series is not drawn again by itself: it would belong to another series. */
export const final = ({ facts }: ProviderError): ProviderError => new ProviderError({ ...facts, retryable: false });

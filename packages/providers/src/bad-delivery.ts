import { ProviderError } from "./provider-error.ts";

/** The error where an unusable image came. It was drawn, so it may be paid for, and is not bought again on a guess. */
export const unusableImage = (detail: string, cause?: unknown): ProviderError =>
  badDelivery("The provider delivered something that is not a usable image.", detail, cause);

/** The error where an answer of success has no image in it, and no reason. */
export const missingImage = (): ProviderError =>
  badDelivery("The provider reported success without an image, so the request was not sent again.", "no image");

/** The error of an image in whose place the answer holds a null or the like. */
export const nothingSent = (): ProviderError =>
  badDelivery("The provider sent nothing in place of this image, so it was not asked for again.", "an empty entry");

/** The error where the answer has fewer images than were asked for. Whether the others are on the bill is not known. */
export const notDelivered = (got: number, wanted: number): ProviderError =>
  badDelivery("The provider delivered fewer images than were asked for.", `${got} of ${wanted} images`);

/** The error where a stream ended in order and had no image. */
export const endedEarly = (requestId: string | undefined): ProviderError =>
  badDelivery(
    "The provider ended its answer without an image, so the request was not sent again.",
    ["the stream ended without a completed event", requestId].filter(Boolean).join(" · "),
  );

const badDelivery = (message: string, detail: string, cause?: unknown) =>
  new ProviderError({ code: "upstream_error", message, retryable: false, mayHaveCharged: true, detail, cause });

import type { ImagesAnswer } from "../ask-for-images.ts";
import { notDelivered } from "../bad-delivery.ts";
import type { ProviderError } from "../provider-error.ts";

/** Why an image is missing that the answer says nothing of: the stream broke before it, or fewer came than were asked for. */
export const leftOut = ({ failure, images }: ImagesAnswer, wanted: number): ProviderError =>
  failure ?? notDelivered(images.length, wanted);

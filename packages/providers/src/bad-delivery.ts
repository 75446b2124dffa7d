import type { z } from "zod";
import { ProviderError } from "./provider-error.ts";

/** The error where an image came that nobody can use. It was drawn, so it may be paid for, and is not bought again on a guess. */
export const unusableImage = (detail: string, cause?: unknown): ProviderError =>
  badDelivery("The provider delivered something that is not a usable image.", detail, cause);

/** The error where an answer of success, read by its schema, has no image in it. */
export const missingImage = (reply: z.ZodSafeParseResult<unknown>): ProviderError =>
  badDelivery(
    "The provider reported success without an image, so the request was not sent again.",
    reply.success ? "data is empty" : reply.error.issues.map(({ path }) => path.join(".")).join(", "),
  );

const badDelivery = (message: string, detail: string, cause?: unknown) =>
  new ProviderError({ code: "upstream_error", message, retryable: false, mayHaveCharged: true, detail, cause });

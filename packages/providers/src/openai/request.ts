import type { ProviderCall } from "../image-provider.ts";
import { partialsWanted } from "../show-partials.ts";
import type { OpenAiSettings } from "./options.ts";

/**
 * The body of one call. Nothing is sent that the caller did not give, but for `n`, the images that are still wanted.
 *
 * - The GPT image models refuse `response_format` ("Unknown parameter") and always answer in base64. DALL·E is asked for base64, so
 *   that the bytes come with the answer and not from a link that may be gone. Other servers are left to their default: both are read.
 * - It is asked to stream only where the request wants partial images: one answer has fewer ways to break than a stream.
 * - `output_compression` with PNG is refused upstream; Darkroom accepts and ignores it, as its reference does.
 */
export function requestBody(call: ProviderCall): Record<string, unknown> {
  const { model, parameters, indexes } = call;
  const partials = partialsWanted(call);
  const { output_compression: compression, custom, ...rest } = parameters;
  const lossy = parameters.output_format === "jpeg" || parameters.output_format === "webp";
  return {
    ...custom,
    ...rest,
    model,
    n: indexes.length,
    output_compression: lossy ? compression : undefined,
    response_format: model.startsWith("dall-e") ? "b64_json" : undefined,
    ...(partials > 0 && { stream: true, partial_images: partials }),
  };
}

/**
 * The headers of one call. `X-Client-Request-Id` ties the upstream's log to ours. There is no `Idempotency-Key`: OpenAI documents
 * none, and servers that honour one replay a failure too, so that a later attempt could never succeed.
 */
export function requestHeaders(call: ProviderCall, settings: OpenAiSettings): Record<string, string> {
  return {
    authorization: `Bearer ${settings.OPENAI_API_KEY}`,
    "x-client-request-id": call.generationId,
    ...(settings.OPENAI_ORGANIZATION === undefined ? {} : { "openai-organization": settings.OPENAI_ORGANIZATION }),
    ...settings.OPENAI_EXTRA_HEADERS,
  };
}

import type { ProviderCall } from "../image-provider.ts";
import type { VolcengineSettings } from "./options.ts";

/** Ark's seeds run from 0 to 2147483647; -1 asks for a random one. */
const seeds = 2_147_483_648;

/**
 * The body for the image at `index`: Ark has no `n`, one call draws one image. Only what the caller gave is sent, with
 * `response_format`, so that the bytes come with the answer (its links are JPEG and live a day).
 *
 * A fixed seed is moved on by the index, around the end of the range, or a request for four images would buy the same one four times.
 * The image at index 0 has the caller's seed, and an image that is drawn again has the seed it had.
 */
export function requestBody({ model, parameters }: ProviderCall, index: number): Record<string, unknown> {
  const { n: _n, user: _user, safety_identifier: _identifier, seed, custom, ...rest } = parameters;
  return {
    ...custom,
    ...rest,
    model,
    seed: seed === undefined || seed < 0 ? seed : (seed + index) % seeds,
    response_format: "b64_json",
  };
}

/** Whether the model is to draw a series, as many images as it sees fit. */
export const isSeries = ({ parameters }: ProviderCall): boolean => parameters.sequential_image_generation === "auto";

/** The body of the one call that draws a series, at most as long as what is wanted: that is what its tenant's budget holds. */
export function seriesBody(call: ProviderCall): Record<string, unknown> {
  return { ...requestBody(call, 0), sequential_image_generation_options: { max_images: call.indexes.length } };
}

/** `X-Client-Request-Id` ties Ark's log to ours, one id for each of the calls. Ark documents no idempotency key. */
export function requestHeaders(
  call: ProviderCall,
  index: number,
  settings: VolcengineSettings,
): Record<string, string> {
  return { authorization: `Bearer ${settings.ARK_API_KEY}`, "x-client-request-id": `${call.generationId}-${index}` };
}

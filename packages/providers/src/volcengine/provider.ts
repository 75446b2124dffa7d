import { type AnsweredImage, askForImages } from "../ask-for-images.ts";
import { missingImage } from "../bad-delivery.ts";
import { collectImages } from "../collect-images.ts";
import { endpointOf } from "../http/base-url.ts";
import { type ProviderDefinition, UpstreamFault } from "../provider-definition.ts";
import { receiveImage } from "../receive-image.ts";
import { final } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { onlyImage, seriesOf } from "./reply.ts";
import { isSeries, requestBody, requestHeaders, seriesBody } from "./request.ts";

/**
 * Volcano Engine's Ark. One of its calls draws one image, so several are asked for side by side: at most ten, the API's limit of `n`. A
 * series is one call, whose images belong together, and the model decides how many there are. Ark shows no unfinished versions: what its
 * stream calls "partial" is one finished image of several.
 */
export const volcengine: ProviderDefinition<typeof settingsSchema> = {
  name: "volcengine",
  settingsSchema,
  isConfigured: (settings) => settings.ARK_API_KEY !== undefined,
  settingsOf: ({ baseUrl, apiKey, headers = {} }) => {
    if (Object.keys(headers).length > 0) throw new UpstreamFault("headers", "the provider volcengine has no headers");
    return { ARK_BASE_URL: baseUrl, ARK_API_KEY: apiKey };
  },
  // One call of the API draws one image. A series is one call, and counts as one for each image that it may have.
  requestsFor: (images) => images,
  create: (settings, deps) => ({
    name: "volcengine",
    async generate(call) {
      const replyImages = deps.http.newReplyImages();
      const secrets = [settings.ARK_API_KEY ?? "", call.parameters.prompt];
      const ask = (index: number, body: Record<string, unknown>, wanted: number) =>
        askForImages({
          http: deps.http,
          post: {
            url: endpointOf(settings.ARK_BASE_URL, "/images/generations"),
            headers: requestHeaders(call, index, settings),
            body,
            signal: call.signal,
          },
          wanted,
          secrets,
          replyImages,
        });
      const receive = async (image: AnsweredImage, index: number) => {
        if (image.sent === undefined) throw image.error;
        return { ...(await receiveImage(image.sent, { ...deps, from: replyImages }, call.signal)), index };
      };

      try {
        if (!isSeries(call)) {
          return await collectImages(call.indexes, call.signal, async (index) =>
            receive(onlyImage(await ask(index, requestBody(call, index), 1)), index),
          );
        }
        const images = seriesOf(await ask(call.indexes[0] ?? 0, seriesBody(call), call.indexes.length));
        const reply = await collectImages(call.indexes.slice(0, images.length), call.signal, (index, position) =>
          receive(images[position] ?? { error: missingImage() }, index),
        );
        return { ...reply, missing: reply.missing.map(({ index, error }) => ({ index, error: final(error) })) };
      } finally {
        await replyImages.discard();
      }
    },
  }),
};

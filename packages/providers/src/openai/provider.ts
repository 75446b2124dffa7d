import { sumOfUsages } from "@darkroom/contracts";
import { askForImages } from "../ask-for-images.ts";
import { collectImages } from "../collect-images.ts";
import { endpointOf } from "../http/base-url.ts";
import type { ReplyImages } from "../http/reply-images.ts";
import type { ProviderCall } from "../image-provider.ts";
import type { ProviderDefinition, ProviderDeps } from "../provider-definition.ts";
import { readSvgUsage } from "../read-usage.ts";
import { receiveImage, type SentImage } from "../receive-image.ts";
import { partialsWanted, showPartials } from "../show-partials.ts";
import { leftOut } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { parseReply } from "./reply.ts";
import { requestBody, requestHeaders } from "./request.ts";

/** OpenAI's Images API, and every server of its wire format: one call draws all the images that are wanted. */
export const openai: ProviderDefinition<typeof settingsSchema> = {
  name: "openai",
  settingsSchema,
  isConfigured: (settings) => settings.OPENAI_API_KEY !== undefined,
  settingsOf: ({ baseUrl, apiKey, headers }) => ({
    OPENAI_BASE_URL: baseUrl,
    OPENAI_API_KEY: apiKey,
    OPENAI_EXTRA_HEADERS: headers && JSON.stringify(headers),
  }),
  create: (settings, { http, images }) => ({
    name: "openai",
    async generate(call) {
      const extra = Object.values(settings.OPENAI_EXTRA_HEADERS ?? {});
      const replyImages = http.newReplyImages();
      const deps = { http, images, from: replyImages };
      const { show, shown } = partialsOf(call, deps);
      try {
        const answer = await askForImages({
          http,
          post: {
            url: endpointOf(settings.OPENAI_BASE_URL, "/images/generations"),
            headers: requestHeaders(call, settings),
            body: requestBody(call),
            signal: call.signal,
          },
          wanted: call.indexes.length,
          secrets: [settings.OPENAI_API_KEY ?? "", ...extra, call.parameters.prompt],
          replyImages,
          onPartial: show,
        }).finally(shown);
        const replies = answer.bodies.map(parseReply);
        // Read before the images are: what is received has to be handed over.
        const facts = {
          background: replies.map(({ background }) => background).find(Boolean),
          quality: replies.map(({ quality }) => quality).find(Boolean),
          usage: sumOfUsages(replies.map(({ usage }) => usage)),
          svgUsage: readSvgUsage(replies[0]?.svgUsage, call.parameters.svg?.model),
          drawn: answer.drawn,
        };
        const collected = await collectImages(call.indexes, call.signal, async (index, position) => {
          const image = answer.images[position] ?? { error: leftOut(answer, call.indexes.length) };
          if (image.sent === undefined) throw image.error;
          const { revisedPrompt, quality } = image;
          return { ...(await receiveImage(image.sent, deps, call.signal)), index, revisedPrompt, quality };
        });
        return { ...collected, ...facts };
      } finally {
        await replyImages.discard();
      }
    },
  }),
};

/** Shows partial images, where the request wants them; `show` is undefined where it does not. */
function partialsOf(call: ProviderCall, deps: Pick<ProviderDeps, "http" | "images"> & { from: ReplyImages }) {
  const partials = showPartials(call);
  /** How often each version has come. An event does not say which image it is of: the second first version is the second image's. */
  const seen = new Map<number, number>();

  function show(sent: SentImage, partialIndex: number): boolean {
    const position = seen.get(partialIndex) ?? 0;
    seen.set(partialIndex, position + 1);
    const index = call.indexes[position];
    if (index === undefined || partialIndex >= partialsWanted(call)) return false;
    partials.show(async () => {
      const { oddity: _oddity, ...picture } = await receiveImage(sent, deps, call.signal);
      return { ...picture, index, partialIndex };
    });
    return true;
  }
  return { show: partialsWanted(call) > 0 ? show : undefined, shown: () => partials.shown() };
}

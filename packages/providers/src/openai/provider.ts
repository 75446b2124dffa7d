import { collectImages } from "../collect-images.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { ProviderError } from "../provider-error.ts";
import { receiveImage } from "../receive-image.ts";
import { toProviderError } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { parseReply } from "./reply.ts";
import { requestBody, requestHeaders } from "./request.ts";

/** OpenAI's Images API, and every server of its wire format: one call draws all the images that are wanted. */
export const openai: ProviderDefinition<typeof settingsSchema> = {
  name: "openai",
  settingsSchema,
  isConfigured: (settings) => settings.OPENAI_API_KEY !== undefined,
  create: (settings, { http }) => ({
    name: "openai",
    async generate(call) {
      const answer = await http.postJson({
        url: `${settings.OPENAI_BASE_URL}/images/generations`,
        headers: requestHeaders(call, settings),
        body: requestBody(call),
        signal: call.signal,
      });
      if (!answer.ok) {
        const extra = Object.values(settings.OPENAI_EXTRA_HEADERS ?? {});
        throw toProviderError(answer, [settings.OPENAI_API_KEY ?? "", ...extra, call.parameters.prompt]);
      }
      const reply = parseReply(answer.body);
      const { images, missing } = await collectImages(call.indexes, call.signal, async (index, position) => {
        const image = reply.images[position];
        if (image === undefined) throw notDelivered(reply.images.length, call.indexes.length);
        return { ...(await receiveImage(image.sent, http, call.signal)), index, revisedPrompt: image.revisedPrompt };
      });
      return { images, missing, background: reply.background, quality: reply.quality, usage: reply.usage };
    },
  }),
};

/** Whether the image that did not come is on the bill is not known, so it is not asked for again. */
const notDelivered = (got: number, wanted: number) =>
  new ProviderError({
    code: "upstream_error",
    message: "The provider delivered fewer images than were asked for.",
    retryable: false,
    mayHaveCharged: true,
    detail: `${got} of ${wanted} images`,
  });

import { collectImages } from "../collect-images.ts";
import { endpointOf } from "../http/base-url.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { ProviderError } from "../provider-error.ts";
import { receiveImage } from "../receive-image.ts";
import { errorInSuccess, toProviderError } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { type ArkReply, parseReply } from "./reply.ts";
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
  create: (settings, { http }) => ({
    name: "volcengine",
    async generate(call) {
      const secrets = [settings.ARK_API_KEY ?? "", call.parameters.prompt];
      const ask = async (index: number, body: Record<string, unknown>) => {
        const answer = await http.postJson({
          url: endpointOf(settings.ARK_BASE_URL, "/images/generations"),
          headers: requestHeaders(call, index, settings),
          body,
          signal: call.signal,
        });
        if (!answer.ok) throw toProviderError(answer, secrets);
        return { replies: parseReply(answer.body), requestId: answer.requestId };
      };
      const receive = async (reply: ArkReply, index: number, requestId: string | undefined) => {
        if (reply.error) throw errorInSuccess(reply.error, requestId, secrets);
        return { ...(await receiveImage(reply.sent, http, call.signal)), index };
      };

      if (!isSeries(call)) {
        return collectImages(call.indexes, call.signal, async (index) => {
          const { replies, requestId } = await ask(index, requestBody(call, index));
          return receive(replies[0], index, requestId);
        });
      }
      const { replies, requestId } = await ask(call.indexes[0] ?? 0, seriesBody(call));
      const { images, missing } = await collectImages(
        call.indexes.slice(0, replies.length),
        call.signal,
        (index, position) => receive(replies[position] ?? replies[0], index, requestId),
      );
      return { images, missing: missing.map(({ index, error }) => ({ index, error: final(error) })) };
    },
  }),
};

/** An image of a series is not drawn again by itself: it would belong to another series. */
const final = ({ facts }: ProviderError) => new ProviderError({ ...facts, retryable: false });

import { collectImages } from "../collect-images.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { receiveImage } from "../receive-image.ts";
import { errorInSuccess, toProviderError } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { parseReply } from "./reply.ts";
import { requestBody, requestHeaders } from "./request.ts";

/**
 * Volcano Engine's Ark. One of its calls draws one image, so several are asked for side by side: at most ten, the API's limit of `n`. It
 * shows no unfinished versions: what Ark's own stream calls "partial" is one finished image of several, and a call has but one.
 */
export const volcengine: ProviderDefinition<typeof settingsSchema> = {
  name: "volcengine",
  settingsSchema,
  isConfigured: (settings) => settings.ARK_API_KEY !== undefined,
  create: (settings, { http }) => ({
    name: "volcengine",
    async generate(call) {
      const secrets = [settings.ARK_API_KEY ?? "", call.parameters.prompt];
      return collectImages(call.indexes, call.signal, async (index) => {
        const answer = await http.postJson({
          url: `${settings.ARK_BASE_URL}/images/generations`,
          headers: requestHeaders(call, index, settings),
          body: requestBody(call, index),
          signal: call.signal,
        });
        if (!answer.ok) throw toProviderError(answer, secrets);
        const reply = parseReply(answer.body);
        if (reply.error) throw errorInSuccess(reply.error, answer.requestId, secrets);
        return { ...(await receiveImage(reply.sent, http, call.signal)), index };
      });
    },
  }),
};

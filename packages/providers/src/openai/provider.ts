import { sumOfUsages, type Usage } from "@darkroom/contracts";
import { collectImages } from "../collect-images.ts";
import { endpointOf } from "../http/base-url.ts";
import type { JsonPost } from "../http/exchange.ts";
import type { HttpDoor } from "../http/http-door.ts";
import type { ServerSentEvent } from "../http/post-for-events.ts";
import type { ProviderCall } from "../image-provider.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { ProviderError } from "../provider-error.ts";
import { readSvgUsage } from "../read-usage.ts";
import { receiveImage, type SentImage } from "../receive-image.ts";
import { partialsWanted, showPartials } from "../show-partials.ts";
import { toProviderError, toStreamError } from "./errors.ts";
import { settingsSchema } from "./options.ts";
import { type OpenAiReply, parseEvent, parseReply } from "./reply.ts";
import { requestBody, requestHeaders } from "./request.ts";

/** OpenAI's Images API, and every server of its wire format: one call draws all the images that are wanted. */
export const openai: ProviderDefinition<typeof settingsSchema> = {
  name: "openai",
  settingsSchema,
  isConfigured: (settings) => settings.OPENAI_API_KEY !== undefined,
  create: (settings, { http }) => ({
    name: "openai",
    async generate(call) {
      const extra = Object.values(settings.OPENAI_EXTRA_HEADERS ?? {});
      const secrets = [settings.OPENAI_API_KEY ?? "", ...extra, call.parameters.prompt];
      const post = {
        url: endpointOf(settings.OPENAI_BASE_URL, "/images/generations"),
        headers: requestHeaders(call, settings),
        body: requestBody(call),
        signal: call.signal,
      };
      const reply = await (partialsWanted(call) > 0 ? askForStream : ask)({ call, post, secrets, http });
      const { images, missing } = await collectImages(call.indexes, call.signal, async (index, position) => {
        const image = reply.images[position];
        if (image === undefined) throw reply.failure ?? notDelivered(reply.images.length, call.indexes.length);
        return { ...(await receiveImage(image.sent, http, call.signal)), index, revisedPrompt: image.revisedPrompt };
      });
      const { background, quality, usage } = reply;
      const svgUsage = readSvgUsage(reply.svgUsage, call.parameters.svg?.model);
      return { images, missing, background, quality, usage, svgUsage, drawn: reply.images.length };
    },
  }),
};

type Question = { call: ProviderCall; post: JsonPost; secrets: readonly string[]; http: HttpDoor };

/** `failure`: why images that were asked for are not in the reply, where that is known. */
type Answered = OpenAiReply & { failure?: ProviderError };

async function ask({ post, secrets, http }: Question): Promise<Answered> {
  const answer = await http.postJson(post);
  if (!answer.ok) throw toProviderError(answer, secrets);
  return parseReply(answer.body);
}

/** Asks for unfinished versions on the way, and shows them. Takes a plain answer, too: some servers overlook `stream`. */
async function askForStream({ call, post, secrets, http }: Question): Promise<Answered> {
  const partials = showPartials(call);
  const reply: OpenAiReply = { images: [], background: undefined, quality: undefined, usage: undefined };
  /** How often each version has come. An event does not say which image it is of: the second first version is the second image's. */
  const seen = new Map<number, number>();
  const usages: (Usage | undefined)[] = [];

  function show(sent: SentImage, partialIndex: number): void {
    const position = seen.get(partialIndex) ?? 0;
    seen.set(partialIndex, position + 1);
    const index = call.indexes[position];
    if (index === undefined || partialIndex >= partialsWanted(call)) return;
    partials.show(async () => ({ ...(await receiveImage(sent, http, call.signal)), index, partialIndex }));
  }

  /** Returns whether there is more to come. */
  function take(received: ServerSentEvent): boolean {
    const event = parseEvent(received);
    if (event.kind === "error") throw toStreamError(event.body, secrets);
    if (event.kind === "partial") show(event.sent, event.partialIndex);
    if (event.kind === "completed") {
      reply.images.push(...event.reply.images);
      reply.background ??= event.reply.background;
      reply.quality ??= event.reply.quality;
      usages.push(event.reply.usage);
    }
    return event.kind !== "end" && reply.images.length < call.indexes.length;
  }

  try {
    const answer = await http.postForEvents(post, take);
    if (!answer.streamed) {
      if (!answer.ok) throw toProviderError(answer, secrets);
      return parseReply(answer.body);
    }
    if (reply.images.length === 0) throw endedEarly(answer.requestId);
    return { ...reply, usage: sumOfUsages(usages) };
  } catch (error) {
    // What had come before the stream broke is paid for, and delivered.
    if (!(error instanceof ProviderError) || reply.images.length === 0) throw error;
    return { ...reply, usage: sumOfUsages(usages), failure: error };
  } finally {
    await partials.shown();
  }
}

/** Whether the image that did not come is on the bill is not known, so it is not asked for again. */
const notDelivered = (got: number, wanted: number) =>
  new ProviderError({
    code: "upstream_error",
    message: "The provider delivered fewer images than were asked for.",
    retryable: false,
    mayHaveCharged: true,
    detail: `${got} of ${wanted} images`,
  });

const endedEarly = (requestId: string | undefined) =>
  new ProviderError({
    code: "upstream_error",
    message: "The provider ended its answer without an image, so the request was not sent again.",
    retryable: false,
    mayHaveCharged: true,
    detail: ["the stream ended without a completed event", requestId].filter(Boolean).join(" · "),
  });

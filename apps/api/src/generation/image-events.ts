import { type ImageCompletedEvent, imageFormat, type ImagePartialEvent, type Usage } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import {
  type GenerationRecord,
  type ImageReader,
  type PartialImage,
  createImageReader,
  describeImages,
} from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { SseHeartbeat } from "../http/sse-heartbeat.ts";
import { divideUsage } from "./divide-usage.ts";
import { eventFormat, type ResponseFormat } from "./response-format.ts";
import { unreadable } from "./images-body.ts";

export type ImageEventsOptions = {
  catalogue: Catalogue;
  objects: ObjectStore;
  linkTtlSeconds: number;
  /** The format of an answer where the request does not name one. */
  defaultResponseFormat: ResponseFormat;
  log: Logger;
};

/** Which image of which answer. */
type Place = { key: string; sha256?: string | undefined; reader: ImageReader; position: number };

/** A picture for an event: its base64, its link, or both. */
type Carried = { base64?: AsyncIterable<string>; url?: string };

type Facts = Omit<ImagePartialEvent, "b64_json" | "url"> | Omit<ImageCompletedEvent, "b64_json" | "url">;

/**
 * Writes OpenAI's events about the images of a generation as the text of an event stream. Pictures are read from the store while the client
 * reads the text, so that none is ever whole in memory. They are base64 as in OpenAI's events, with links beside it where the operator
 * wants them, and links alone where the caller asked for these.
 */
export function createImageEvents(options: ImageEventsOptions) {
  const { catalogue, objects, linkTtlSeconds, defaultResponseFormat, log } = options;

  /** Opens a picture, with heartbeats until it is open. */
  async function* carry(
    { key, sha256, reader, position }: Place,
    format: ResponseFormat,
    alive: SseHeartbeat,
  ): AsyncGenerator<string, Carried> {
    const link = format !== "b64_json" && {
      url: yield* alive.until(objects.link(key, { expiresInSeconds: linkTtlSeconds, sha256 })),
    };
    if (format === "url") return { ...link };
    yield* alive.until(reader.open(position));
    return { ...link, base64: reader.base64(position) };
  }

  return {
    /** The event of a partial image; nothing where it cannot be read, since nothing depends on it. */
    async *partial(record: GenerationRecord, image: PartialImage, alive: SseHeartbeat): AsyncGenerator<string> {
      const reader = createImageReader([image], objects);
      try {
        let carried: Carried;
        try {
          // A link would be useless, because the next version comes before a client could follow it.
          const format = record.request.response_format ?? "b64_json";
          carried = yield* carry({ key: image.key, reader, position: 0 }, format, alive);
        } catch (error) {
          const level = error instanceof ObjectNotFoundError ? "debug" : "warn";
          log[level]({ generationId: record.id, err: error }, "A partial image cannot be read and is left out");
          return;
        }
        const { quality, background = "auto" } = record.request;
        yield* pictureEvent(carried, {
          type: "image_generation.partial_image",
          created_at: Math.floor(Date.now() / 1_000),
          size: `${image.width}x${image.height}`,
          quality: eventQuality(quality),
          background,
          output_format: imageFormat(image.mediaType),
          partial_image_index: image.partialIndex,
        });
      } finally {
        reader.close();
      }
    },

    /** The events of a succeeded generation: one for each image. Throws `ApiError` where one cannot be read. */
    async *completed(record: GenerationRecord, alive: SseHeartbeat): AsyncGenerator<string> {
      const { head, images } = describeImages(record, catalogue.find(record.model));
      const bills = divideUsage(head.usage ?? noTokens, images.length);
      const carriedFormat = eventFormat(record.request, defaultResponseFormat);
      const reader = createImageReader(images, objects);
      try {
        for (const [position, { key, sha256, format, facts }] of images.entries()) {
          let carried: Carried;
          try {
            carried = yield* carry({ key, sha256, reader, position }, carriedFormat, alive);
          } catch (error) {
            throw unreadable(record.id)(error);
          }
          yield* pictureEvent(carried, {
            type: "image_generation.completed",
            created_at: head.created,
            size: facts.size,
            quality: eventQuality(facts.quality),
            background: head.background ?? "auto",
            output_format: format,
            usage: bills[position] ?? noTokens,
            ...(head.safety_identifier !== undefined && { safety_identifier: head.safety_identifier }),
          });
        }
      } finally {
        reader.close();
      }
    },
  };
}

/** Clients of OpenAI's events know only these values. The generation has the quality of other models. */
const eventQualities = new Set(["low", "medium", "high", "xhigh", "max"]);
const eventQuality = (quality = "auto") => (eventQualities.has(quality) ? quality : "auto");

/** For a model that counts no tokens, because an event always has a usage. */
const noTokens: Usage = {
  prompt_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
};

export type ImageEvents = ReturnType<typeof createImageEvents>;

/** JSON has no line breaks, so an event is one line of data. Its picture is written while it is read. */
async function* pictureEvent({ base64, url }: Carried, facts: Facts): AsyncGenerator<string> {
  const start = `event: ${facts.type}\ndata: `;
  const { type, ...others } = facts;
  const rest = { ...(url !== undefined && { url }), ...others };
  if (base64 === undefined) {
    yield `${start}${JSON.stringify({ type, ...rest })}\n\n`;
    return;
  }
  // In OpenAI's order: a client that parses an event as it arrives knows its type before the megabytes of its image.
  yield `${start}{"type":"${type}","b64_json":"`;
  yield* base64;
  yield `",${JSON.stringify(rest).slice(1)}\n\n`;
}

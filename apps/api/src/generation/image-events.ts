import type { ImageCompletedEvent, ImagePartialEvent, ImageStreamEvent } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/observe";
import type { GenerationRecord, PartialImage } from "@darkroom/queue";
import { base64Chunks, describeImages } from "@darkroom/rendering";
import { ObjectNotFoundError, type ObjectStore, type OpenObject } from "@darkroom/storage";
import type { KeepAlive } from "../http/keep-alive.ts";
import { divideUsage } from "./divide-usage.ts";
import { unreadable } from "./unreadable.ts";

export type ImageEventsOptions = { catalogue: Catalogue; objects: ObjectStore; linkTtlSeconds: number; log: Logger };

/** A picture, opened or linked to, as an event is to carry it. */
type Carried = { body: OpenObject["body"] } | { url: string };

type Facts = Omit<ImagePartialEvent, "b64_json" | "url"> | Omit<ImageCompletedEvent, "b64_json" | "url">;

/**
 * OpenAI's events about the images of a generation, as the text of an event stream. The pictures pass from the store into the text as
 * the reader takes it, so that none is ever whole in memory. They come in base64 as OpenAI's do, and as links where the caller asked
 * for `response_format: "url"` in so many words.
 */
export function createImageEvents({ catalogue, objects, linkTtlSeconds, log }: ImageEventsOptions) {
  /** Opens a picture with heartbeats meanwhile: not one may be left open, whenever the reader leaves. */
  async function* carry(record: GenerationRecord, key: string, alive: KeepAlive): AsyncGenerator<string, Carried> {
    if (record.request.response_format === "url") {
      return { url: yield* alive.until(objects.link(key, { expiresInSeconds: linkTtlSeconds })) };
    }
    const opening = objects.get(key);
    let opened: OpenObject | undefined;
    try {
      opened = yield* alive.until(opening);
      return { body: opened.body };
    } finally {
      if (opened === undefined) opening.then(({ body }) => body.destroy()).catch(() => {});
    }
  }

  return {
    /** The event of a partial image; nothing where it cannot be read, since nothing depends on it. */
    async *partial(record: GenerationRecord, image: PartialImage, alive: KeepAlive): AsyncGenerator<string> {
      let carried: Carried;
      try {
        carried = yield* carry(record, image.key, alive);
      } catch (error) {
        const level = error instanceof ObjectNotFoundError ? "debug" : "warn";
        log[level]({ generationId: record.id, err: error }, "A partial image cannot be read and is left out");
        return;
      }
      const { quality = "auto", background = "auto" } = record.request;
      yield* pictureEvent(carried, {
        type: "image_generation.partial_image",
        created_at: Math.floor(Date.now() / 1_000),
        size: `${image.width}x${image.height}`,
        quality,
        background,
        output_format: image.mediaType.replace("image/", ""),
        partial_image_index: image.partialIndex,
      });
    },

    /** The events of a succeeded generation: one for each image. Throws `ApiError` where one cannot be read. */
    async *completed(record: GenerationRecord, alive: KeepAlive): AsyncGenerator<string> {
      const { head, images } = describeImages(record, catalogue.find(record.model));
      const bills = head.usage === undefined ? [] : divideUsage(head.usage, images.length);
      for (const [position, { key, facts }] of images.entries()) {
        let carried: Carried;
        try {
          carried = yield* carry(record, key, alive);
        } catch (error) {
          throw unreadable(record.id)(error);
        }
        const usage = bills[position];
        yield* pictureEvent(carried, {
          type: "image_generation.completed",
          created_at: head.created,
          size: facts.size,
          quality: facts.quality ?? "auto",
          background: head.background ?? "auto",
          output_format: facts.output_format ?? "png",
          ...(usage && { usage }),
        });
      }
    },
  };
}

export type ImageEvents = ReturnType<typeof createImageEvents>;

/** JSON has no line breaks of its own, so an event is one line of data, whose picture is written as it is read. */
async function* pictureEvent(carried: Carried, facts: Facts): AsyncGenerator<string> {
  const start = `event: ${facts.type}\ndata: `;
  if ("url" in carried) {
    const event: ImageStreamEvent = { ...facts, url: carried.url };
    yield `${start}${JSON.stringify(event)}\n\n`;
    return;
  }
  const { type, ...others } = facts;
  try {
    // In OpenAI's order: whoever reads an event as it comes knows what it is before the megabytes of its picture.
    yield `${start}{"type":"${type}","b64_json":"`;
    yield* base64Chunks(carried.body);
    yield `",${JSON.stringify(others).slice(1)}\n\n`;
  } finally {
    carried.body.destroy();
  }
}

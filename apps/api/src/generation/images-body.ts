import type { Readable } from "node:stream";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import type { GenerationRecord } from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { ImageResponse } from "@darkroom/contracts";
import { assertStored } from "./assert-stored.ts";
import { base64Response } from "./base64-response.ts";
import { describeImages, imageLinks, linkResponse } from "@darkroom/generations";
import { bodyFormat, type ResponseFormat } from "./response-format.ts";
import { unreadable } from "./unreadable.ts";

export type ImagesBodyOptions = {
  catalogue: Catalogue;
  objects: ObjectStore;
  linkTtlSeconds: number;
  /** What GPT image models answer with where the caller has not asked for a format. */
  defaultResponseFormat: ResponseFormat;
  log: Logger;
};

/**
 * A generation that ended longer ago than this is answered once more, and its images may have left the store since. Links to images that have
 * just been stored are given without a look at the store.
 */
const freshMs = 60_000;

/**
 * Returns the function that makes the body of an answer of the images of a succeeded generation, in the format that its request asked
 * for: an object, or a stream of JSON where there are images in it. Throws `ApiError` where they cannot be read.
 */
export function createImagesBody(options: ImagesBodyOptions) {
  const { catalogue, objects, linkTtlSeconds, defaultResponseFormat, log } = options;

  /** Throws `ApiError` where links would lead to nothing. A store that cannot tell is no reason to give none. */
  async function assertLinked({ id, delivery, endedAtMs }: GenerationRecord): Promise<void> {
    if (Date.now() - (endedAtMs ?? 0) < freshMs) return;
    await assertStored(delivery?.images ?? [], objects).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) unreadable(id)(error);
      log.warn({ generationId: id, err: error }, "Whether the images of an answer are there could not be asked");
    });
  }

  return async (record: GenerationRecord): Promise<ImageResponse | Readable> => {
    const model = catalogue.find(record.model);
    const described = describeImages(record, model);
    const format = bodyFormat(record.request, model, defaultResponseFormat);
    if (format === "url") {
      await assertLinked(record);
      return linkResponse(described, objects, linkTtlSeconds).catch(unreadable(record.id));
    }
    // Before the images: a link that cannot be made is still an error with a status of its own.
    const links = format === "both" ? await imageLinks(described, objects, linkTtlSeconds) : undefined;
    const stream = await base64Response(described, objects, links).catch(unreadable(record.id));
    // The status line is out: all that is left is to break off, which Fastify does, and to say so.
    return stream.once("error", (error) =>
      log.error({ generationId: record.id, err: error }, "A response broke off: an image could not be read"),
    );
  };
}

export type ImagesBody = ReturnType<typeof createImagesBody>;

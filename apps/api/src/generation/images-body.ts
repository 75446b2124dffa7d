import { Readable } from "node:stream";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import {
  type GenerationRecord,
  describeImages,
  imageLinks,
  linkResponse,
  assertStored,
  base64Body,
  createImageReader,
  type DescribedImages,
} from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import { type ImageResponse, ApiError } from "@darkroom/contracts";
import { bodyFormat, type ResponseFormat } from "./response-format.ts";

export type ImagesBodyOptions = {
  catalogue: Catalogue;
  objects: ObjectStore;
  linkTtlSeconds: number;
  /** The format of GPT image models where the request does not name one. */
  defaultResponseFormat: ResponseFormat;
  log: Logger;
};

/**
 * A generation that ended longer ago than this is being answered again, and its images may be gone from the store. Links to images that were
 * just stored are answered without a check.
 */
const freshMs = 60_000;

/**
 * Returns the function that makes the response body of a succeeded generation, in the format that its request asked for: an object, or a
 * stream of JSON where it has base64. Throws `ApiError` where the images cannot be read.
 */
export function createImagesBody(options: ImagesBodyOptions) {
  const { catalogue, objects, linkTtlSeconds, defaultResponseFormat, log } = options;

  /** Throws `ApiError` where links would lead to missing or damaged images. If the store does not answer, the links are given all the same. */
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
    // The status is sent, so the answer can only be broken off, which Fastify does, and logged.
    return stream.once("error", (error) =>
      log.error({ generationId: record.id, err: error }, "A response broke off: an image could not be read"),
    );
  };
}

export type ImagesBody = ReturnType<typeof createImagesBody>;

/**
 * A response body as a stream, with base64 and, where given, `links` beside it. Before it resolves, the first image is opened and the others
 * are checked, so that a missing image can still be answered with an error. A later failure breaks the stream off.
 */
export async function base64Response(
  described: DescribedImages,
  objects: ObjectStore,
  links?: readonly string[],
): Promise<Readable> {
  const [, ...others] = described.images;
  await assertStored(others, objects);
  const reader = createImageReader(described.images, objects);
  await reader.open(0);
  const stream = Readable.from(base64Body(described, reader, links), { objectMode: false });
  // A stream that is destroyed before it is read never runs the loop that would close the first image.
  return stream.once("close", () => reader.close());
}

/**
 * Throws what a caller is told whose images were made and could not be read. Never retryable: while the store is away they exist, and once
 * they are gone from it they stay so. The same request sent again would buy others.
 */
export const unreadable = (id: string) => (cause: unknown) => {
  if (cause instanceof ObjectNotFoundError) throw imagesGone(id, cause);
  const message = `The images of ${id} are done, but cannot be read from the store just now.`;
  throw new ApiError("overloaded", message, { retryable: false, cause });
};

const imagesGone = (id: string, cause: unknown) =>
  new ApiError(
    "images_gone",
    `The images of ${id} were made, but are not in the store any more. POST /v1/generations/${id}/retry buys them again, at the price of new ones.`,
    { cause },
  );

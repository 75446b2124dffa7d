import { Readable } from "node:stream";
import { base64Body, type DescribedImages } from "@darkroom/generations";
import type { ObjectStore } from "@darkroom/storage";
import { assertStored } from "./assert-stored.ts";

/**
 * A response body with the images in it, and with `links` beside them where they are given, as a stream. The first image is opened and the
 * others are looked for before this resolves, so that a missing one can still be answered with an error; a later failure breaks the stream
 * off.
 */
export async function base64Response(
  described: DescribedImages,
  objects: ObjectStore,
  links?: readonly string[],
): Promise<Readable> {
  const [image, ...others] = described.images;
  if (image === undefined) throw new Error("A response has at least one image");
  await assertStored(others, objects);
  const first = await objects.get(image.key);
  const stream = Readable.from(base64Body(described, objects, { first, links }), { objectMode: false });
  // A stream that is given up before it is begun never comes to the loop that would close the first image.
  return stream.once("close", () => first.body.destroy());
}

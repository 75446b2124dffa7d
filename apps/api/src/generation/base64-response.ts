import { Readable } from "node:stream";
import type { ObjectStore } from "@darkroom/storage";
import { base64Chunks } from "./base64-chunks.ts";
import type { DescribedImages } from "@darkroom/rendering";

/**
 * A response body with the images in it, as a stream: ten images of 50 MB are never in memory. The first image is opened before this
 * resolves, so that a missing one can still be answered with an error; a later failure breaks the stream off.
 */
export async function base64Response({ head, images }: DescribedImages, objects: ObjectStore): Promise<Readable> {
  const [first] = images;
  if (first === undefined) throw new Error("A response has at least one image");
  const opened = await objects.get(first.key);

  async function* body(): AsyncGenerator<string> {
    yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
    for (const image of images) {
      yield image === first ? '{"b64_json":"' : ',{"b64_json":"';
      const { body: bytes } = image === first ? opened : await objects.get(image.key);
      yield* base64Chunks(bytes);
      yield `","url":null,${JSON.stringify(image.facts).slice(1)}`;
    }
    yield "]}";
  }

  const stream = Readable.from(body(), { objectMode: false });
  // A stream that is given up before it is begun never comes to the loop that would close the first image.
  return stream.once("close", () => opened.body.destroy());
}

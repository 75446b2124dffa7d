import { createImageReader, type DescribedImages, type ImageReader } from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";

/**
 * Reads the images of a line before its first part is written, because a line cannot move to the other file after that. They are in memory
 * together, as they were in the worker that drew them. Answers a reader of what was read, or `gone` where the store does not have an image,
 * or has it in another size. Throws what the store fails with.
 */
export async function readImages(
  { images }: DescribedImages,
  objects: Pick<ObjectStore, "get">,
): Promise<Pick<ImageReader, "base64" | "close"> | "gone"> {
  const reader = createImageReader(images, objects);
  try {
    const texts: string[][] = [];
    for (const position of images.keys()) {
      const parts: string[] = [];
      for await (const part of reader.base64(position)) parts.push(part);
      texts.push(parts);
    }
    return {
      async *base64(position) {
        yield* texts[position] ?? [];
      },
      close() {},
    };
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return "gone";
    throw error;
  } finally {
    reader.close();
  }
}

import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { examineImage, UnusableImageError } from "./examine-image.ts";
import type { ImageFacts } from "./image-outline.ts";

/** What this process is sent: an image, or where it stands. */
export type ExaminedImage = Uint8Array | { path: string };

/**
 * What this process answers for each image that it is sent. `unreadable`: there was no file for this process at the path. `fault` is a mistake
 * of ours, not of the image.
 */
export type Examination = { facts: ImageFacts } | { unusable: string } | { unreadable: string } | { fault: string };

// Each image is decoded once, and one process decodes one image at a time: a cache or more threads would only take memory.
sharp.cache(false);
sharp.concurrency(1);
// The bytes choose the decoder. No other one is reached, whatever an upstream sends.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["VipsForeignLoadPng", "VipsForeignLoadJpeg", "VipsForeignLoadWebp", "VipsForeignLoadNsgif"],
});

/** Ctrl-C and a service manager signal every process of a worker. The worker finishes its calls first, so it decides when this one ends. */
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
// SIGKILL, because an exit would wait for a decoder at work.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

process.on("message", (image: ExaminedImage) => {
  void answerTo(image).then((answer) => process.send?.(answer));
});

async function answerTo(image: ExaminedImage): Promise<Examination> {
  if (!("path" in image)) return examine(Buffer.from(image.buffer, image.byteOffset, image.byteLength));
  try {
    return await examine(await readFile(image.path));
  } catch (error) {
    return { unreadable: String(error) };
  }
}

async function examine(bytes: Buffer): Promise<Examination> {
  try {
    return { facts: await examineImage(bytes) };
  } catch (error) {
    if (error instanceof UnusableImageError) return { unusable: error.message };
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

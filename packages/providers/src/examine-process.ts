import sharp from "sharp";
import { examineImage, type ImageFacts, UnusableImageError } from "./examine-image.ts";

/** What this process answers for each image that it is sent. `fault` is a mistake of ours, not of the image. */
export type Examination = { facts: ImageFacts } | { unusable: string } | { fault: string };

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

process.on("message", (bytes: Uint8Array) => {
  void examine(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).then((answer) => process.send?.(answer));
});

async function examine(bytes: Buffer): Promise<Examination> {
  try {
    return { facts: await examineImage(bytes) };
  } catch (error) {
    if (error instanceof UnusableImageError) return { unusable: error.message };
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

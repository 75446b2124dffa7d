import { createWriteStream } from "node:fs";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import pRetry from "p-retry";
import { atMost } from "../service/at-most.ts";
import { imageExtension, signatureBytes } from "./image-extension.ts";

/** The largest images have some 30 MB: this is two megabits a second. */
const timeoutMs = 120_000;
/** The service takes no larger image from an upstream than 64 MiB, unless its operator allows more. */
const maxImageBytes = 256 * 1024 * 1024;
/** The second try is after one second, the third after four more. */
const patience = { retries: 2, minTimeout: 1_000, factor: 4 };

/** Why an image is not there. Its message is for `failures.jsonl`. */
export class ImageFailure extends Error {
  override name = "ImageFailure";
  /** Whether it may be there a moment later. */
  readonly passing: boolean;
  constructor(message: string, passing: boolean, options?: ErrorOptions) {
    super(message, options);
    this.passing = passing;
  }
}

export type ImageSource = { url: string | null; b64_json: string | null };
export type ImageTarget = {
  /** Where it is put together, on the same file system. */
  part: string;
  /** Where it goes, without the extension. */
  stem: string;
};

/**
 * Writes an image, by its link or from its base64, and gives it its name once it is whole.
 * @throws {ImageFailure} where it cannot be had; what the disk says comes as it is
 */
export async function saveImage(
  source: ImageSource,
  { part, stem }: ImageTarget,
  fetch: typeof globalThis.fetch,
): Promise<void> {
  const extension = await fetchImage(source, part, fetch);
  await rename(part, `${stem}.${extension}`);
}

/**
 * Writes an image into a file, and answers its extension, by its bytes.
 * @throws {ImageFailure} where it cannot be had: then there is no file; what the disk says comes as it is
 */
export async function fetchImage(source: ImageSource, part: string, fetch: typeof globalThis.fetch): Promise<string> {
  return pRetry(() => fetchOnce(source, part, fetch), {
    ...patience,
    onFailedAttempt: () => rm(part, { force: true }),
    shouldRetry: ({ error }) => error instanceof ImageFailure && error.passing,
  });
}

async function fetchOnce({ url, b64_json }: ImageSource, part: string, fetch: typeof globalThis.fetch) {
  let mediaType: string | undefined;
  if (b64_json !== null) await writeFile(part, Buffer.from(b64_json, "base64"));
  else if (url !== null) mediaType = await fetchTo(part, url, fetch);
  else throw new ImageFailure("there is neither a link nor an image", false);
  const extension = imageExtension(await beginningOf(part), mediaType);
  if (extension === undefined) throw new ImageFailure("what came is not an image", false);
  return extension;
}

async function fetchTo(part: string, url: string, fetch: typeof globalThis.fetch): Promise<string | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
    throw noImage(error);
  });
  if (!response.ok) {
    await response.body?.cancel();
    const gone = [401, 403, 404, 410].includes(response.status);
    const why = gone ? "it has expired, or the image was removed" : "try again later";
    throw new ImageFailure(
      `the link answered ${response.status}: ${why}`,
      response.status >= 500 || response.status === 429,
    );
  }
  try {
    await pipeline(response.body ?? [], atMost(maxImageBytes, tooLarge), createWriteStream(part));
  } catch (error) {
    if (error instanceof ImageFailure) throw error;
    // A full disk is no fault of the link's.
    if (error instanceof Error && "syscall" in error) throw error;
    throw noImage(error);
  }
  return response.headers.get("content-type") ?? undefined;
}

const tooLarge = () =>
  new ImageFailure(`what the link leads to is larger than ${maxImageBytes / 1024 / 1024} MiB`, false);

function noImage(error: unknown): ImageFailure {
  if (error instanceof Error && error.name === "TimeoutError") {
    return new ImageFailure(`the image did not come within ${timeoutMs / 1000} s`, true, { cause: error });
  }
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const reason = cause instanceof Error ? ("code" in cause ? String(cause.code) : cause.message) : String(cause);
  return new ImageFailure(`the link could not be read (${reason})`, true, { cause: error });
}

async function beginningOf(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0);
  return buffer.subarray(0, bytesRead);
}

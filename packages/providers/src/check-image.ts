import PQueue from "p-queue";
import pRetry from "p-retry";
import { unusableImage } from "./bad-delivery.ts";
import type { ExaminedImage, Examination } from "./examine-process.ts";
import { followImage } from "./follow-image.ts";
import { deadline } from "./http/exchange.ts";
import type { Followed } from "./image-follower.ts";
import type { ImageFacts } from "./image-outline.ts";
import type { ProviderImage } from "./image-provider.ts";
import { type ImageBytes, SpooledBytes } from "./spool/spooled-bytes.ts";
import { type Examiner, ExaminerEndedError, startExaminer } from "./start-examiner.ts";

/** Each takes a core while it lasts, and up to 100 MB. */
const maxAtOnce = 2;
/**
 * CPU time that one image may take: ten times what the most expensive one takes that is let through. It is not the time on the clock, because a
 * worker on a busy machine would lose images that are paid for.
 */
const defaultCpuLimitMs = 20_000;
/** Time on the clock that one image may take: as long as a call. A process that has not had 20 s of CPU time by then hangs. */
const defaultDeadlineMs = 360_000;
/** Between two looks at a process that has nearly used its CPU time. */
const leastLookMs = 100;
/** A process takes 0.2 s to start, and holds 80 MB or, after a large image, more. */
const idleMs = 60_000;
/** A process that ended may have been the victim of another one's memory, and the image is paid for: three tries, 0.25 s and 1 s apart. */
const patience = { retries: 2, minTimeout: 250, factor: 4 };

export type CheckedImage<Bytes = ImageBytes> = Pick<ProviderImage, "mediaType" | "width" | "height"> & { bytes: Bytes };

/**
 * Which images are decoded before they are stored:
 * - `always`: every one
 * - `without-checksums`: those that no checksums vouch for, which is all but nearly every PNG. A PNG whose checksums are right was neither cut
 *   nor changed since its encoder wrote it.
 * - `incomplete`: of those, a JPEG, a WebP and a GIF only where its structure does not reach its end mark. One that was cut short is found, and
 *   one whose pixels were changed is not.
 */
export const imageDecodings = ["always", "without-checksums", "incomplete"] as const;
type ImageDecoding = (typeof imageDecodings)[number];
/** Of every worker, unless its operator chooses otherwise. */
export const usualImageDecoding: ImageDecoding = "without-checksums";

/** What has to vouch for an image that is not decoded. */
const trusted: Record<ImageDecoding, readonly string[]> = {
  always: [],
  "without-checksums": ["checksums"],
  incomplete: ["checksums", "structure"],
};

type ImageCheckerOptions = {
  decoding?: ImageDecoding;
  /** CPU time that one image may take, in milliseconds. */
  cpuLimitMs?: number;
  /** Time on the clock that one image may take, in milliseconds. */
  deadlineMs?: number;
  start?: typeof startExaminer;
};

export type ImageChecker = {
  /**
   * Tells the type and the size of an image from its content (`examineImage` says how), in a process apart from this one. `bytes` of the
   * answer end with the image: what an upstream put behind its end mark is no picture, and is neither stored nor served.
   *
   * Throws `ProviderError` `upstream_error`, which may have been charged, for what is no usable image or takes more than 20 s of CPU time, and
   * the reason of `signal`.
   */
  check<Bytes extends ImageBytes>(bytes: Bytes, signal: AbortSignal): Promise<CheckedImage<Bytes>>;
  /** Ends its processes. Checks that are under way fail. */
  close(): void;
};

/** Creates the checker of all images that upstreams send: at most two are decoded at a time. The caller closes it. */
export function createImageChecker({
  decoding = usualImageDecoding,
  cpuLimitMs = defaultCpuLimitMs,
  deadlineMs = defaultDeadlineMs,
  start = startExaminer,
}: ImageCheckerOptions = {}): ImageChecker {
  const queue = new PQueue({ concurrency: maxAtOnce });
  const examiners = new Set<Examiner>();
  let isClosed = false;

  function freeExaminer(): Examiner {
    if (isClosed) throw new Error("The image checker is closed.");
    for (const examiner of examiners) {
      if (examiner.state() === "free") return examiner;
      if (examiner.state() === "ended") examiners.delete(examiner);
    }
    const started = start({ idleMs });
    examiners.add(started);
    return started;
  }

  /** Has a process examine an image, which may take so much CPU time and no more. */
  async function examined(image: ExaminedImage, signal: AbortSignal): Promise<Examination> {
    const examiner = freeExaminer();
    const usedBeforeMs = examiner.cpuMs() ?? 0;
    const overLimit = new AbortController();
    const ends = deadline(AbortSignal.any([signal, overLimit.signal]), deadlineMs);
    const look = () => {
      const leftMs = cpuLimitMs - ((examiner.cpuMs() ?? 0) - usedBeforeMs);
      if (leftMs <= 0) overLimit.abort();
      else timer = setTimeout(look, Math.max(leftMs, leastLookMs));
    };
    let timer = setTimeout(look, cpuLimitMs);
    try {
      return await examiner.examine(image, ends.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (overLimit.signal.aborted)
        return { unusable: `the image took more than ${cpuLimitMs} ms of CPU time to decode` };
      if (ends.timedOut()) return { unusable: `the image took longer than ${deadlineMs} ms to decode` };
      throw error;
    } finally {
      clearTimeout(timer);
      ends.clear();
    }
  }

  async function examine(bytes: ImageBytes, signal: AbortSignal): Promise<Examination> {
    if (!(bytes instanceof SpooledBytes)) return examined(bytes, signal);
    const { path } = bytes;
    const examination = path === undefined ? undefined : await examined({ path }, signal);
    if (examination !== undefined && !("unreadable" in examination)) return examination;
    return examined(await bytes.read(), signal);
  }

  return {
    async check<Bytes extends ImageBytes>(bytes: Bytes, signal: AbortSignal): Promise<CheckedImage<Bytes>> {
      const followed = followedOf(bytes);
      if (followed !== undefined) {
        if ("unusable" in followed) throw unusableImage(followed.unusable);
        if (trusted[decoding].includes(followed.vouchedForBy)) return imageOf(bytes, followed.facts);
      }
      const work = () =>
        pRetry(() => examine(bytes, signal), {
          ...patience,
          signal,
          shouldRetry: ({ error }) => error instanceof ExaminerEndedError && !isClosed,
        });
      const examination = await queue.add(work, { signal }).catch((error: unknown): Examination => {
        signal.throwIfAborted();
        if (error instanceof ExaminerEndedError) return { unusable: error.message };
        throw error;
      });
      if ("unusable" in examination) throw unusableImage(examination.unusable);
      if ("unreadable" in examination) throw new Error(`An image could not be read: ${examination.unreadable}`);
      if ("fault" in examination) throw new Error(`An image could not be examined: ${examination.fault}`);
      return imageOf(bytes, examination.facts);
    },
    close() {
      isClosed = true;
      for (const examiner of examiners) examiner.end();
    },
  };
}

/** What is known of an image without a decoder. One in a file was followed while it came. */
function followedOf(bytes: ImageBytes): Followed | undefined {
  if (bytes instanceof SpooledBytes) return bytes.followed;
  const follower = followImage();
  follower.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return follower.end();
}

async function imageOf<Bytes extends ImageBytes>(
  bytes: Bytes,
  { length, ...facts }: ImageFacts,
): Promise<CheckedImage<Bytes>> {
  return { bytes: length < bytes.byteLength ? await shortened(bytes, length) : bytes, ...facts };
}

/** The first bytes of an image, in place of all of them. */
async function shortened<Bytes extends ImageBytes>(bytes: Bytes, length: number): Promise<Bytes>;
async function shortened(bytes: ImageBytes, length: number): Promise<ImageBytes> {
  return bytes instanceof SpooledBytes ? bytes.shortenedTo(length) : bytes.subarray(0, length);
}

import PQueue from "p-queue";
import pRetry from "p-retry";
import { unusableImage } from "./bad-delivery.ts";
import type { Examination } from "./examine-process.ts";
import { deadline } from "./http/exchange.ts";
import type { ProviderImage } from "./image-provider.ts";
import { type Examiner, ExaminerEndedError, startExaminer } from "./start-examiner.ts";

/** Each takes a core while it lasts, and up to 100 MB. */
const maxAtOnce = 2;
/** Ten times what the most expensive image takes that is let through, for a machine that is busy. */
const defaultDeadlineMs = 20_000;
/** A process takes 0.2 s to start, and holds 80 MB or, after a large image, more. */
const idleMs = 60_000;
/** A process that ended may have been the victim of another one's memory, and the image is paid for: three tries, 0.25 s and 1 s apart. */
const patience = { retries: 2, minTimeout: 250, factor: 4 };

export type CheckedImage = Pick<ProviderImage, "bytes" | "mediaType" | "width" | "height">;

export type ImageChecker = {
  /**
   * Tells the type and the size of an image from its content (`examineImage` says how), in a process apart from this one. `bytes` of the
   * answer end with the image: what an upstream put behind its end mark is no picture, and is neither stored nor served.
   *
   * Throws `ProviderError` `upstream_error`, which may have been charged, for what is no usable image or takes longer than 20 s, and the
   * reason of `signal`.
   */
  check(bytes: Uint8Array, signal: AbortSignal): Promise<CheckedImage>;
  /** Ends its processes. Checks that are under way fail. */
  close(): void;
};

/** Creates the checker of all images that upstreams send: at most two are decoded at a time. The caller closes it. */
export function createImageChecker({ deadlineMs = defaultDeadlineMs, start = startExaminer } = {}): ImageChecker {
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

  async function examine(bytes: Uint8Array, signal: AbortSignal): Promise<Examination> {
    const ends = deadline(signal, deadlineMs);
    try {
      return await freeExaminer().examine(bytes, ends.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (ends.timedOut()) return { unusable: `the image took longer than ${deadlineMs} ms to decode` };
      throw error;
    } finally {
      ends.clear();
    }
  }

  return {
    async check(bytes, signal) {
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
      if ("fault" in examination) throw new Error(`An image could not be examined: ${examination.fault}`);
      const { length, ...facts } = examination.facts;
      return { bytes: length < bytes.length ? bytes.subarray(0, length) : bytes, ...facts };
    },
    close() {
      isClosed = true;
      for (const examiner of examiners) examiner.end();
    },
  };
}

import pTimeout from "p-timeout";
import type { PartialImage, ProviderCall } from "./image-provider.ts";
import { releaseBytes } from "./spool/spooled-bytes.ts";

/** How many partial images of each image the request wants. */
export const partialsWanted = ({ partialImages, onPartial }: ProviderCall): number =>
  onPartial === undefined ? 0 : (partialImages ?? 0);

/** How long finished images are held back for unfinished ones that are still on their way. A few decodes and uploads take less. */
const lastWaitMs = 3_000;

/**
 * Shows unfinished versions beside the work, one after the other in the order of their `show`. What cannot be made ready or shown
 * is skipped: nothing depends on it.
 */
export function showPartials({ onPartial, signal }: ProviderCall) {
  let last: Promise<void> | null = null;
  let over = false;
  return {
    show(ready: () => Promise<PartialImage>): void {
      last = (last ?? Promise.resolve())
        .then(async () => {
          if (over || signal.aborted) return;
          const partial = await ready();
          try {
            if (!over && !signal.aborted) await onPartial?.(partial);
          } finally {
            await releaseBytes(partial.bytes);
          }
        })
        .catch(() => {});
    },

    /** Resolves when all have been shown or skipped, in three seconds at most; rejects with the signal's reason when it aborts. */
    async shown(): Promise<void> {
      // As a rule the request wants none, and there is nothing to wait for.
      if (last === null) {
        over = true;
        return signal.throwIfAborted();
      }
      await pTimeout(last, { milliseconds: lastWaitMs, fallback: () => {}, signal });
      over = true;
    },
  };
}

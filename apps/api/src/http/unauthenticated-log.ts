import type { Logger } from "@darkroom/runtime";

/** Enough to show the operator who calls without a key, and few enough not to make a flood worse. */
const linesPerSecond = 10;

const everyMs = 1_000;

/**
 * Limits the log lines about requests without an account: unknown routes, wrong keys, signed links, preflights, bytes that are not HTTP.
 * Anyone can send thousands of them a second. The first ten in a second have a line each, and the others share one with their number.
 */
export function createUnauthenticatedLog(log: Pick<Logger, "info" | "warn">) {
  const decided = new WeakMap<object, boolean>();
  let seen = 0;
  let untold = 0;
  let untoldRefused = 0;
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    if (untold > 0) {
      const sentence = `${untold} more requests without a known key were answered in a second, ${untoldRefused} of them with an error`;
      log[untoldRefused > 0 ? "warn" : "info"]({ requests: untold, refused: untoldRefused }, sentence);
    }
    seen = 0;
    untold = 0;
    untoldRefused = 0;
  }

  return {
    /** Counts a request. True if it may have its own line. A second call for the same request has the same answer. */
    takeLine(request: object, { refused }: { refused: boolean }): boolean {
      const before = decided.get(request);
      if (before !== undefined) return before;
      timer ??= setTimeout(tell, everyMs).unref();
      const hasLine = ++seen <= linesPerSecond;
      decided.set(request, hasLine);
      if (!hasLine) {
        untold++;
        if (refused) untoldRefused++;
      }
      return hasLine;
    },

    /** Writes the pending line. */
    close: tell,
  };
}

export type UnauthenticatedLog = ReturnType<typeof createUnauthenticatedLog>;

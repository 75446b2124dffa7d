import type { Logger } from "@darkroom/runtime";

/** An operator sees who knocks, and a flood is not made worse by a line for each of its requests. */
const linesPerSecond = 10;

const everyMs = 1_000;

/** Keeps the log readable, and affordable, while strangers try one key after the other. */
export function createRefusalLog(log: Pick<Logger, "warn">) {
  let refused = 0;
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    const untold = refused - linesPerSecond;
    refused = 0;
    if (untold > 0)
      log.warn({ refused: untold }, `${untold} more requests without a known key were refused in a second`);
  }

  return {
    /** Counts a refusal. True if it may have a line of its own: after ten in a second the rest share one, with their number. */
    takeLine(): boolean {
      timer ??= setTimeout(tell, everyMs).unref();
      return ++refused <= linesPerSecond;
    },

    /** Tells what is not told yet. */
    close: tell,
  };
}

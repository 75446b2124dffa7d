import { describeError } from "./serialize-error.ts";
import type { createLogger } from "./logger.ts";
import { type CloseList, createCloseList } from "./close-list.ts";
import { stopSignal } from "./stop-signal.ts";

export type RunProcessOptions = {
  log: ReturnType<typeof createLogger>;
  /** How long closing may take, in milliseconds, before the process ends all the same. */
  closeWithinMs: number;
  /** Builds, connects and starts, and puts the close of each thing on the list as soon as it is open. */
  start: (closes: CloseList) => Promise<void>;
};

/**
 * The life of a service: start, wait for SIGTERM or SIGINT, close everything backwards, exit. Exits with 1 when it could not start or
 * could not close in time. A second signal ends it at once. What is thrown and caught nowhere is logged and ends it at once, too.
 */
export async function runProcess({ log, closeWithinMs, start }: RunProcessOptions): Promise<never> {
  const closes = createCloseList(log);
  let exitCode = 0;
  // Node prints such an error with all that it carries, which for one of Redis is the command with its arguments.
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "The process ends at an error that nothing handles");
    process.exit(1);
  });
  const stop = stopSignal();
  try {
    await start(closes);
    const signal = await stop;
    log.info({ signal }, "Stopping");
  } catch (error) {
    exitCode = 1;
    log.fatal({ err: error }, describeError(error));
  }
  const late = setTimeout(() => {
    log.error({ closeWithinMs }, "Not everything closed in time; the process ends all the same");
    process.exit(1);
  }, closeWithinMs);
  await closes.closeAll();
  clearTimeout(late);
  if (exitCode === 0) log.info("Stopped");
  process.exit(exitCode);
}

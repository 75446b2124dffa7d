import { describeError } from "./serialize-error.ts";
import type { createLogger, Logger } from "./logger.ts";

export type RunProcessOptions = {
  log: ReturnType<typeof createLogger>;
  /** How long closing may take, in milliseconds, before the process ends all the same. */
  closeWithinMs: number;
  /** Builds, connects and starts, and puts the close of each thing on the list as soon as it is open. */
  start: (closes: CloseList, life: ProcessLife) => Promise<void>;
};

/** What the parts of a process may know of its end, and do about it. */
export type ProcessLife = {
  /** Whether it has been told to stop. */
  readonly isStopping: boolean;
  /** Stops the process as SIGTERM does: what runs may finish by the deadline. Calling it again changes nothing. */
  stop: () => void;
};

/**
 * The life of a service: start, wait for SIGTERM, SIGINT or a call of `stop`, close everything backwards, exit. Exits with 1 when it could
 * not start or could not close in time. A second signal ends it at once. What is thrown and caught nowhere is logged and ends it at once, too.
 */
export async function runProcess({ log, closeWithinMs, start }: RunProcessOptions): Promise<never> {
  const closes = createCloseList(log);
  let exitCode = 0;
  // Node prints such an error with all that it carries, which for one of Redis is the command with its arguments.
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "The process ends at an error that nothing handles");
    process.exit(1);
  });
  const { promise: asked, resolve: ask } = Promise.withResolvers<"asked by the operator">();
  const stopped = Promise.race([asked, stopSignal()]);
  let isStopping = false;
  void stopped.then(() => (isStopping = true));
  const life: ProcessLife = {
    get isStopping() {
      return isStopping;
    },
    stop: () => ask("asked by the operator"),
  };
  try {
    await start(closes, life);
    const signal = await stopped;
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

/** Resolves with the first SIGTERM or SIGINT. The second is left to Node, which ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const heard = (signal: NodeJS.Signals) => {
    process.off("SIGTERM", heard).off("SIGINT", heard);
    resolve(signal);
  };
  process.on("SIGTERM", heard).on("SIGINT", heard);
  return promise;
}

/** What must be closed, in the order in which it was opened. Closing runs backwards. */
export type CloseList = {
  add(name: string, close: () => unknown): void;
  /** Closes everything, the latest first. One that fails is logged and stops none of the others. */
  closeAll(): Promise<void>;
};

export function createCloseList(log: Logger): CloseList {
  const entries: { name: string; close: () => unknown }[] = [];

  return {
    add(name, close) {
      entries.push({ name, close });
    },

    async closeAll() {
      for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) {
        try {
          await entry.close();
        } catch (error) {
          log.warn({ err: error }, `Closing ${entry.name} failed`);
        }
      }
    },
  };
}

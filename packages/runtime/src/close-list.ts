import type { Logger } from "./logger.ts";

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

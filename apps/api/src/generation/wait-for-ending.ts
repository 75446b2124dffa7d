import { isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { GenerationRecord } from "@darkroom/generations";
import type { OpenQueue } from "../open-queue.ts";
import type { Joined } from "./submit-or-attach.ts";
import type { Interruption } from "./limit-wait.ts";

export type WaitForEndingOptions = {
  queue: Pick<OpenQueue, "store" | "waits">;
  joined: Joined;
  interrupted: Promise<Interruption>;
  log: Logger;
};

/**
 * Waits until a generation has ended, its record is gone, or the wait is interrupted, and leaves the wait. A Redis that is away only
 * makes it longer.
 */
export async function waitForEnding(options: WaitForEndingOptions): Promise<GenerationRecord | "gone" | Interruption> {
  const { joined, interrupted, log } = options;
  const { store, waits } = options.queue;
  const { id, found } = joined;
  let { wait } = joined;
  try {
    if (found === null) return "gone";
    if (found !== undefined && isEnding(found.status)) return found;
    for (;;) {
      const interruption = await Promise.race([wait.ended, interrupted]);
      if (interruption !== undefined) return interruption;

      // The next wait begins before the record is read. It is needed where the record could not be read because Redis is away, or
      // where the wake-up came before the submission: the waits are woken again once Redis and the record say so.
      const over = wait;
      wait = waits.wait(id);
      over.leave();
      try {
        const record = await store.read(id);
        if (record === null) return "gone";
        if (isEnding(record.status)) return record;
      } catch (error) {
        log.warn({ generationId: id, err: error }, "The record of an ended generation cannot be read yet");
      }
    }
  } finally {
    wait.leave();
  }
}

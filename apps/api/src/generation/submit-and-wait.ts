import { isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/observe";
import type { GenerationRecord, Submission } from "@darkroom/queue";
import type { OpenQueue } from "../open-queue.ts";
import type { Interruption } from "./limit-wait.ts";

export type SubmitAndWaitOptions = {
  queue: Pick<OpenQueue, "submit" | "store" | "waits">;
  submission: Submission;
  interrupted: Promise<Interruption>;
  log: Logger;
};

/**
 * Submits a generation and waits until it has ended, its record is gone, or the wait is interrupted.
 * Throws what Redis threw when the generation could not be submitted, or may not have been.
 */
export async function submitAndWait(options: SubmitAndWaitOptions): Promise<GenerationRecord | "gone" | Interruption> {
  const { submit, store, waits } = options.queue;
  const { submission, log } = options;
  const { id } = submission;
  // Before the submission, so that no ending can slip by.
  let wait = waits.wait(id);
  try {
    const accepted = submit({ ...submission, replyTo: waits.channel });
    let interruption: Interruption | void = await Promise.race([accepted.then(() => undefined), options.interrupted]);
    for (;;) {
      interruption ??= await Promise.race([wait.ended, options.interrupted]);
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

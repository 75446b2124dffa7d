import type { Queue } from "../open-queue.ts";
import { queueAnswer } from "./queue-answer.ts";

/** Watches one generation for changes. The caller that opens it closes it. */
export type GenerationWatch = {
  /** Resolves when the generation may have changed since the last call, or, at the first call, since the watch began. */
  changed(): Promise<void>;
  close(): void;
};

/**
 * Watches a generation for changes of its state. It only wakes the caller, which reads the record for what is new. Throws
 * `ApiError` when Redis is away.
 */
export async function watchGeneration(
  queue: Pick<Queue, "generations" | "waits">,
  id: string,
): Promise<GenerationWatch> {
  const watch = wakeOnChange(queue, id);
  try {
    await queueAnswer(queue.generations.watch(id, queue.waits.channel));
    return watch;
  } catch (error) {
    watch.close();
    throw error;
  }
}

/** The same for a generation whose record names this process as a watcher since its submission. */
export function wakeOnChange(
  { generations, waits }: Pick<Queue, "generations" | "waits">,
  id: string,
): GenerationWatch {
  let next = Promise.withResolvers<void>();
  const unwatch = waits.watch(id, () => next.resolve());
  return {
    async changed() {
      await next.promise;
      next = Promise.withResolvers();
    },
    close() {
      // If that fails, the channel stays in the record, which costs some messages that nobody reads.
      if (unwatch()) generations.unwatch(id, waits.channel).catch(() => {});
    },
  };
}

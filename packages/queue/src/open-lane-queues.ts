import type { Keys } from "@darkroom/redis";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";

/**
 * Lanes as BullMQ's own tools look at them. They write nothing when they are opened, not even the options of the lane, and hold no connection
 * of their own. Nothing may be changed by them: a job that BullMQ removes or retries without its record is put back, or runs for nothing.
 */
export function openLaneQueues(redis: Redis, keys: Pick<Keys, "lanes">) {
  const queues = new Map<string, Queue>();
  return {
    /** The lane of this name, opened once. */
    queueOf(lane: string): Queue {
      const open = queues.get(lane);
      if (open !== undefined) return open;
      const queue = new Queue(lane, { connection: redis, prefix: keys.lanes, skipMetasUpdate: true });
      // The connection is ours and reports its own errors; without a listener BullMQ would throw them.
      queue.on("error", () => {});
      queues.set(lane, queue);
      return queue;
    },

    close: async (): Promise<void> => {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
    },
  };
}

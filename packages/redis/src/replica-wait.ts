import type { Redis } from "ioredis";

/** A write is not known to be on as many replicas as are wanted. It may be lost when the primary is, or be kept. */
export class NotReplicatedError extends Error {
  override readonly name = "NotReplicatedError";
}

type ReplicaWaitOptions = {
  /** A connection that sends no command twice, and that nothing else uses: WAIT holds it up. */
  redis: Redis;
  /** STRING: written before each wait, because WAIT is for the writes of its own connection. */
  mark: string;
  /** On how many replicas a write must be. */
  replicas: number;
  /** How long they are waited for, in milliseconds. */
  timeoutMs: number;
};

/** How long a mark is kept, in milliseconds. Nothing reads it. */
const markMs = 60_000;

type Waiting = { key: string; resolve: () => void; reject: (error: Error) => void };

/**
 * Returns a function that resolves when a key, which was written on another connection, is on the replicas too. It rejects with a
 * `NotReplicatedError` where that is not known in time, and with the error of Redis.
 *
 * A primary replicates its writes in one order. So a replica that has a mark has everything that was written to the same primary before.
 * Whether it was the same primary is told by the key: after a failover that lost the write, it is not there. Those that come while one
 * WAIT is under way share the next (group commit), so there is one round trip for all submissions of a moment.
 */
export function createReplicaWait({ redis, mark, replicas, timeoutMs }: ReplicaWaitOptions) {
  let waiting: Waiting[] = [];
  let running = false;

  async function run(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await confirmAll(group);
    }
    running = false;
  }

  /** Settles each of a group. Never rejects. */
  async function confirmAll(group: readonly Waiting[]): Promise<void> {
    const pipeline = redis.pipeline().set(mark, "", "PX", markMs);
    for (const { key } of group) pipeline.exists(key);
    try {
      const answers = (await pipeline.wait(replicas, timeoutMs).exec()) ?? [];
      const failed = answers.find(([error]) => error !== null)?.[0];
      if (failed) throw failed;
      const reached = Number(answers.at(-1)?.[1]);
      group.forEach(({ key, resolve, reject }, i) => {
        if (answers[i + 1]?.[1] !== 1) reject(new NotReplicatedError(`${key} was lost in a failover of Redis`));
        else if (reached < replicas) reject(new NotReplicatedError(tooFew(reached)));
        else resolve();
      });
    } catch (error) {
      for (const { reject } of group) reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const tooFew = (reached: number) =>
    `Only ${reached} of ${replicas} replicas of Redis have confirmed a write within ${timeoutMs} ms`;

  return async (key: string): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ key, resolve, reject });
    if (!running) void run();
    await promise;
  };
}

export type ReplicaWait = ReturnType<typeof createReplicaWait>;

import { billOf, termsSchema } from "@darkroom/models";
import { createLogger } from "@darkroom/runtime";
import { createWorker, type Delivery, type Retention, type Work } from "@darkroom/generations";
import { createKeys, connectWorker } from "@darkroom/redis";
import { defaultRetryPolicy, laneName } from "@darkroom/queue";
import type { ObjectStore } from "@darkroom/storage";

const log = createLogger({ name: "worker-test", level: "silent", pretty: false });
const retention: Retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const options = { retention, dropObjects: async () => {}, log };

export type WorkLaneOptions = {
  redisUrl: string;
  prefix: string;
  work: Work;
  provider?: string | undefined;
  finish: (undo: () => Promise<void>) => void;
};

/** Works off the interactive lane of a provider. */
export async function workLane({ redisUrl, prefix, work, provider = "openai", finish }: WorkLaneOptions) {
  const redis = connectWorker(redisUrl, () => {});
  const queue = createWorker({ redis, keys: createKeys(prefix) }, options);
  const worker = queue.workLane({
    lane: laneName(provider, "interactive"),
    concurrency: 5,
    work,
    billOf: (record, { images }) => {
      const sizes = images.map(({ width, height }) => ({ size: `${width}x${height}` }));
      return billOf(termsSchema.parse(record.terms), record.reservedMicros, { images: sizes });
    },
    retryPolicy: { ...defaultRetryPolicy, maxFailures: 1, maxCrashes: 1, firstPauseMs: 5, maxPauseMs: 20 },
    lockDurationMs: 5_000,
    random: () => 0.5,
  });
  finish(async () => {
    await worker.close(0);
    redis.disconnect();
  });
  await worker.ready();
}

/** One round of recovery, for whom nothing is too young to be looked at. */
export async function tidy(redisUrl: string, prefix: string): Promise<void> {
  const redis = connectWorker(redisUrl, () => {});
  const { lanes, recover } = createWorker({ redis, keys: createKeys(prefix) }, options);
  const recovery = recover({
    queuedAfterMs: 0,
    runningAfterMs: 0,
    lookAgainMs: 0,
    claimMs: 0,
    lockDurationMs: 0,
  });
  await recovery.tick();
  await lanes.close();
  redis.disconnect();
}

/** Work that stores the given bytes for every image that was asked for. */
export const drawing = (store: ObjectStore, bytes: Uint8Array, more: Partial<Delivery> = {}): Work =>
  delivering(async (key) => store.put(key, bytes, { contentType: "image/png" }), bytes.length, more);

/** Work that delivers every image that was asked for, once `put` has done what there is to do for its key. */
export function delivering(put: (key: string) => Promise<void>, bytes: number, more: Partial<Delivery> = {}): Work {
  return async ({ record }) => {
    const images = Array.from({ length: record.upstream.parameters.n ?? 1 }, (_, index) => ({
      index,
      key: `acme/${record.id}/${index}.png`,
      bytes,
      mediaType: "image/png",
      width: 1024,
      height: 1024,
    }));
    for (const { key } of images) await put(key);
    // The order in which a provider delivers is its own.
    return { kind: "succeeded", delivery: { provider: "test", images: images.toReversed(), ...more } };
  };
}

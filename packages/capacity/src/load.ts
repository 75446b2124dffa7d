/** What an installation is planned for. Seconds, bytes, and shares from 0 to 1. */
export type Load = {
  /** Mean rate over the retention. It decides what is kept. */
  imagesPerSecond: number;
  /** The busiest minutes as a multiple of the mean rate. They decide how many processes there are. */
  peakFactor: number;
  imagesPerGeneration: number;
  /** How long a generation holds a slot of a worker, in the mean: the provider's call and the upload (`darkroom_lane_service_seconds`). */
  serviceSeconds: number;
  imageBytes: number;
  /** `RETENTION_SECONDS`. */
  retentionSeconds: number;
  /** `TOMBSTONE_SECONDS`. */
  tombstoneSeconds: number;
  /** `WORKER_CONCURRENCY`. */
  concurrency: number;
  /** Of all generations: those whose caller holds a connection until the answer. The others are asked for by their ids, once each. */
  waitingShare: number;
  /** Of the images: those that the api reads from the store and sends as base64. For the others it sends links. */
  base64Share: number;
  /** Of all generations: those with an `Idempotency-Key`. */
  idempotencyKeyShare: number;
  /** Whether each ending is told by a webhook. */
  hasWebhooks: boolean;
  /** Images a second that the upstream's account allows. Null: no limit is known. */
  upstreamImagesPerSecond: number | null;
  /** Memory of the machine of Redis, in bytes. */
  redisMachineBytes: number;
};

/** The defaults of the settings, and a typical image of a GPT image model. */
export const defaultLoad: Omit<Load, "imagesPerSecond" | "serviceSeconds"> = {
  peakFactor: 1,
  imagesPerGeneration: 1,
  imageBytes: 2_000_000,
  retentionSeconds: 86_400,
  tombstoneSeconds: 604_800,
  concurrency: 20,
  waitingShare: 1,
  base64Share: 1,
  idempotencyKeyShare: 0,
  hasWebhooks: false,
  upstreamImagesPerSecond: null,
  redisMachineBytes: 32e9,
};

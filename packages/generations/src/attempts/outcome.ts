import type { Delivery } from "../records/delivery.ts";
import type { Failure } from "../records/failure.ts";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { MissingImage } from "../records/missing-image.ts";
import type { PartialImage } from "../records/partial-image.ts";
import type { NotedCall } from "../records/upstream-call.ts";

/** How an attempt ended. The queue decides what follows, and how that is done with BullMQ. */
export type Outcome =
  /** `missing`: the images that did not come, and why. */
  | { kind: "succeeded"; delivery: Delivery; missing?: readonly MissingImage[] }
  /**
   * Some images may be tried again, because nothing was charged for them, after `retryAfterMs` where the upstream named a time. With no
   * tries left, `partial` is delivered without the `missing` images, or the generation fails. `mayHaveCharged`: the provider may have
   * charged for other images of the attempt.
   */
  | {
      kind: "retry";
      error: Failure;
      retryAfterMs?: number | undefined;
      partial?: Delivery | undefined;
      missing?: readonly MissingImage[];
      mayHaveCharged?: boolean;
      /** Set where the upstream's rate limit refused a call; `wholly` where it refused every image that may be tried again. */
      rateLimited?: "partly" | "wholly";
      /** Set where the limits are those of single deployments: the lane goes on, and in so many milliseconds one may have room. */
      roomInMs?: number;
    }
  /** It is not tried again. `nothingCharged`: it is certain that the provider charges nothing for this attempt. */
  | { kind: "failed"; error: Failure; nothingCharged?: boolean };

export type Attempt = {
  record: GenerationRecord;
  /** Aborted when the work is no longer wanted: the lock was lost, or the worker must stop. */
  signal: AbortSignal;
  /** Whether the previous attempt, which died or broke off, may have bought what this attempt requests. */
  mayRepeat: boolean;
  /**
   * Why nothing more is bought for this generation: too many workers died during it, or its batch was stopped. Then its stored images are
   * delivered, or it fails with this. Usually null.
   */
  exhausted: Failure | null;
  /**
   * Notes what the provider delivered, before it is uploaded, and which images no attempt may request again. Resolves false when a later
   * attempt owns the generation.
   */
  checkpoint: (delivery: Delivery, missing: readonly MissingImage[]) => Promise<boolean>;
  /** Records a call of a deployment, before it is made and when it has ended. Resolves false as `checkpoint` does. */
  noteCall: (call: NotedCall, isEnd: boolean) => Promise<boolean>;
  /**
   * Shows a partial image to watchers, and notes its object for removal with the generation. Resolves false where it could not be shown, or
   * another attempt or an ending came first. Then its object is not noted.
   */
  showPartial: (partial: PartialImage) => Promise<boolean>;
};

/** One attempt at a generation. It throws only when its signal was aborted, or for a bug of its own. */
export type Work = (attempt: Attempt) => Promise<Outcome>;

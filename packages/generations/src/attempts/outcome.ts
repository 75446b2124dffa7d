import type { Delivery } from "../records/delivery.ts";
import type { Failure } from "../records/failure.ts";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { MissingImage } from "../records/missing-image.ts";
import type { PartialImage } from "../records/partial-image.ts";

/** How an attempt ended. What the queue makes of it, and how BullMQ spells that, is the queue's business. */
export type Outcome =
  /** `missing`: the images that did not come, and why. */
  | { kind: "succeeded"; delivery: Delivery; missing?: readonly MissingImage[] }
  /**
   * Some images may be tried again, for which nothing was charged, not before `retryAfterMs` where the upstream named a time. With no
   * tries left, `partial` is delivered, without what is `missing`, or the failure stands. `mayHaveCharged`: for others of its images.
   */
  | {
      kind: "retry";
      error: Failure;
      retryAfterMs?: number | undefined;
      partial?: Delivery | undefined;
      missing?: readonly MissingImage[];
      mayHaveCharged?: boolean;
      /** Set where the upstream's rate limit refused a call; `wholly` where it is the reason of all that may be tried again. */
      rateLimited?: "partly" | "wholly";
    }
  /** Never again. `nothingCharged`: the provider surely charges nothing for this attempt. */
  | { kind: "failed"; error: Failure; nothingCharged?: boolean };

export type Attempt = {
  record: GenerationRecord;
  /** Aborted when the work is no longer wanted: the lock was lost, or the worker must stop. */
  signal: AbortSignal;
  /** Whether what this attempt asks of a provider may have been bought by the one before it, which died or was broken off. */
  mayRepeat: boolean;
  /**
   * Why nothing more is to be bought for this generation: so many workers died over it, or its batch was stopped. What is stored is
   * delivered then, or it fails with this. Null as a rule.
   */
  exhausted: Failure | null;
  /**
   * Notes what the provider delivered, before it is uploaded, and which images no attempt is to ask for again. Resolves false when a
   * later attempt owns the generation.
   */
  checkpoint: (delivery: Delivery, missing: readonly MissingImage[]) => Promise<boolean>;
  /**
   * Shows a partial image to those who watch, and has it removed from the store with the generation. Nothing depends on it: it resolves
   * false where it could not be shown, or another attempt or an ending has come before. Nothing removes it then.
   */
  showPartial: (partial: PartialImage) => Promise<boolean>;
};

/** One attempt at a generation. It may throw only when its signal was aborted or it is itself at fault. */
export type Work = (attempt: Attempt) => Promise<Outcome>;

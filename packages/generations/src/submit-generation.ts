import type { BillUndelivered } from "@darkroom/accounts";
import type { GenerationStore } from "./records/generation-store.ts";
import type { Submission, Submitted } from "./records/submission.ts";
import type { Logger } from "@darkroom/runtime";

export type SubmitterOptions = {
  generations: Pick<GenerationStore, "submit">;
  /** What is billed for a new generation that delivers nothing and for which a provider may have charged. */
  billUndelivered?: BillUndelivered | undefined;
  /** Resolves when a generation is on as many replicas of Redis as are wanted, and rejects where that is not known. Absent: none is wanted. */
  waitForReplicas?: ((id: string) => Promise<void>) | undefined;
  log: Logger;
};

/**
 * Returns the function that accepts a generation. One script writes its record and puts its job on the lane. The generation is accepted once
 * its record is written; where the lane cannot take the job, recovery puts it there. Throws the error of Redis when the record was not
 * written, or may not have been, and a `NotReplicatedError` when it may be lost with the primary.
 */
export const createSubmitter =
  ({ generations, billUndelivered, waitForReplicas, log }: SubmitterOptions) =>
  async (submission: Submission): Promise<Submitted> => {
    const { id, lane } = submission;
    const submitted = await generations.submit(
      { billUndelivered, ...submission },
      {
        enqueues: true,
        onUnqueued(why) {
          log.warn({ generationId: id, lane, why }, "The job could not be put on its lane; recovery will");
        },
      },
    );
    if (submitted.kind === "accepted") await waitForReplicas?.(id);
    if (submitted.kind === "attached") await waitForReplicas?.(submitted.id);
    return submitted;
  };

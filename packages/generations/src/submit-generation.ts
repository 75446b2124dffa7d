import type { BillUndelivered } from "@darkroom/accounts";
import type { GenerationStore } from "./records/generation-store.ts";
import type { Submission, Submitted } from "./records/submission.ts";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";

export type SubmitterOptions = {
  generations: Pick<GenerationStore, "submit">;
  lanes: Pick<Lanes, "add">;
  /** What is billed for a new generation that delivers nothing and for which a provider may have charged. */
  billUndelivered?: BillUndelivered | undefined;
  log: Logger;
};

/**
 * Returns the function that accepts a generation. The generation is accepted once its record is written. Its job is put on the lane after
 * that; where this fails, recovery does it. Throws the error of Redis when the record was not written, or may not have been.
 */
export const createSubmitter =
  ({ generations, lanes, billUndelivered, log }: SubmitterOptions) =>
  async (submission: Submission): Promise<Submitted> => {
    const { id, lane } = submission;
    const submitted = await generations.submit({ billUndelivered, ...submission });
    if (submitted.kind !== "accepted") return submitted;
    await lanes.add(lane, id, submitted.priority).catch((error: unknown) => {
      log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; recovery will");
    });
    return submitted;
  };

import { countOf } from "@darkroom/contracts";
import type { BatchInput } from "../../batch/batch-input.ts";
import { type Wanted, findEarlier } from "../../batch/find-earlier.ts";
import { lookAtLines } from "../../batch/look-at-lines.ts";
import { type NewBatch, type SubmittedBatch, submitOnce } from "../../batch/submit-once.ts";
import { withFarewell } from "../../batch/with-farewell.ts";
import { Problem } from "../../problem.ts";
import type { HttpApi } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { faultLines } from "../../text/batch-faults.ts";
import { sayEstimate } from "./say-estimate.ts";

export type Submitting = {
  /** Disposed here. */
  input: BatchInput;
  wanted: Omit<Wanted, "sha256">;
  options: NewBatch["options"];
  /** Whether to buy, once it was said what and for how much. */
  isSure: (question: string) => Promise<boolean>;
};

/**
 * The batch of a file: the one that was made of the same lines before, else a new one. Undefined where somebody was asked and said no.
 * @throws {Problem} for mistakes in the file, and whatever the service refuses
 */
export async function submitFile(
  shell: Shell,
  api: HttpApi,
  { input, wanted, options, isSure }: Submitting,
): Promise<{ batch: SubmittedBatch; sourceLine: BatchInput["sourceLine"] } | undefined> {
  using lines = input;
  const { sourceLine } = lines;
  return await withFarewell(
    () => lines[Symbol.dispose](),
    async () => {
      const { file } = wanted;
      const look = await lookAtLines(input.path);
      if (look.mistakeCount > 0) {
        const { mistakes: faults, mistakeCount: count } = look;
        throw new Problem(`${await faultLines({ file, faults, count, sourceLine })}\nNothing was submitted.`);
      }
      const { sha256 } = look;
      const { path, batch, uploaded } = await findEarlier(api, { ...wanted, sha256 });
      if (batch !== undefined) {
        const { id, status } = batch.value;
        shell.say(
          `${file} was submitted before, as ${id} (${status}): going on with it. --again buys everything anew.`,
        );
        return { batch, sourceLine };
      }
      await sayEstimate(shell, api, look);
      if (!(await isSure(`Submit ${countOf(look.lines, "line")}?`))) return undefined;
      return { batch: await submitOnce(api, { input, sha256, options, path, uploaded }), sourceLine };
    },
  );
}

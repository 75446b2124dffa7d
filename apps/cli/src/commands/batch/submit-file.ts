import { countOf } from "@darkroom/contracts";
import type { BatchInput } from "../../batch/batch-input.ts";
import { type Wanted, findEarlier, namesSoFar } from "../../batch/find-earlier.ts";
import { type Look, lookAtLines } from "../../batch/look-at-lines.ts";
import { lockSubmission } from "../../batch/submit-lock.ts";
import type { SubmittedBatch } from "../../batch/read-batch.ts";
import { type NewBatch, submitOnce } from "../../batch/submit-once.ts";
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
  /** Whether a new batch is wanted whatever there was. */
  again: boolean;
  options: NewBatch["options"];
  /** Whether to buy, once it was said what and for how much. */
  isSure: (question: string) => Promise<boolean>;
};

/**
 * The batch of a file: the one that was made of the same lines before, else a new one. Undefined where the user was asked and said no.
 * @throws {Problem} for mistakes in the file, and whatever the service refuses
 */
export async function submitFile(
  shell: Shell,
  api: HttpApi,
  { input, wanted: { file, out }, again, options, isSure }: Submitting,
): Promise<{ batch: SubmittedBatch; sourceLine: BatchInput["sourceLine"] } | undefined> {
  using held = new DisposableStack();
  const { sourceLine } = held.use(input);
  const sayEarlier = ({ value: { id, status } }: SubmittedBatch) =>
    shell.say(`${file} was submitted before, as ${id} (${status}): continuing with it. --again buys everything again.`);

  async function submit(): Promise<SubmittedBatch | undefined> {
    const look = await lookAtLines(input.path);
    await assertNoMistakes(look, { file, sourceLine });
    const wanted = { file, out, sha256: look.sha256 };
    // What is there now is not wanted again. What another run buys from now on is what this one wants, too.
    const ignored = again ? await namesSoFar(wanted) : undefined;
    const before = await findEarlier(api, wanted, ignored);
    if (before.batch !== undefined) {
      sayEarlier(before.batch);
      return before.batch;
    }
    await sayEstimate(shell, api, look, { file, sourceLine });
    if (!(await isSure(`Submit ${countOf(look.lines, "line")}?`))) return undefined;

    const onWait = (path: string, owner: string) =>
      shell.say(
        `Another run (process ${owner}) submits ${file}: waiting for it. If no such run is there, delete ${path}.`,
      );
    held.defer(await lockSubmission({ file, out, onWait }));
    const now = await findEarlier(api, wanted, ignored);
    const made =
      now.batch === undefined
        ? await submitOnce(api, { input, wanted, options, ...now })
        : { batch: now.batch, isEarlier: true };
    if (made.isEarlier) sayEarlier(made.batch);
    return made.batch;
  }

  const batch = await withFarewell(() => held.dispose(), submit);
  return batch && { batch, sourceLine };
}

type Source = { file: string; sourceLine: BatchInput["sourceLine"] };

async function assertNoMistakes({ mistakes: faults, mistakeCount: count }: Look, source: Source): Promise<void> {
  if (count === 0) return;
  throw new Problem(`${await faultLines({ ...source, faults, count })}\nNothing was submitted.`);
}

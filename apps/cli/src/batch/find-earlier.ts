import { batchSchema } from "@darkroom/contracts";
import { Problem } from "../problem.ts";
import type { HttpApi } from "../service/http-api.ts";
import { PassingProblem } from "../service/passing-problem.ts";
import { readBatch } from "./read-batch.ts";
import { assertFolderFor } from "./results-folder.ts";
import {
  fileSubmissionPath,
  folderSubmissionPath,
  readSubmission,
  type Submission,
  writeSubmission,
} from "./submission.ts";
import type { SubmittedBatch } from "./submit-once.ts";

export type Wanted = {
  /** What the person calls it. */
  file: string;
  /** Of the lines that it comes to. */
  sha256: string;
  /** The folder for its results. */
  out: string | undefined;
  /** Whether a new batch is wanted whatever there was. */
  again: boolean;
};

export type Earlier = {
  /** Where to keep what becomes of the file now. */
  path: string;
  /** The batch that was made of these lines before. */
  batch: SubmittedBatch | undefined;
  /** The file that was uploaded for it, where no batch was made of it, or one that was refused. */
  uploaded: string | undefined;
};

/**
 * What was made of the same lines before: by what was kept with the results, or beside the file. A batch that the service refused has bought
 * nothing, so it is none.
 * @throws {Problem} where a batch was made that the service does not know, and for a folder that is another batch's
 */
export async function findEarlier(api: HttpApi, { file, sha256, out, again }: Wanted): Promise<Earlier> {
  const beside = fileSubmissionPath(file);
  const path = out === undefined ? beside : folderSubmissionPath(out);
  const kept = await readSubmission(path);
  const nothing = { path, batch: undefined, uploaded: undefined };
  if (again) {
    if (out !== undefined) await assertFolderFor(undefined, out);
    return nothing;
  }
  const submission = [kept, await readSubmission(beside)].find((each) => each?.sha256 === sha256);
  const batch = submission && (await findSubmitted(api, submission));
  const isRefused = batch?.value.status === "failed";
  if (out !== undefined) {
    await assertFolderFor(batch?.value.id, out);
    if (kept !== undefined && kept !== submission) await assertGivenUp(api, out, kept);
  }
  if (submission === undefined || batch === undefined || isRefused)
    return { ...nothing, uploaded: submission?.file_id };
  await writeSubmission(path, { ...submission, batch_id: batch.value.id });
  return { path, batch, uploaded: undefined };
}

/** A folder without results may still be what another batch is known by: if that was lost, its lines would be bought again. */
async function assertGivenUp(api: HttpApi, out: string, kept: Submission): Promise<void> {
  const other = await findSubmitted(api, kept);
  if (other === undefined || other.value.status === "failed") return;
  throw new Problem(
    `${out} is kept for other lines, submitted as ${other.value.id}. Name another folder, or give this one up with --again.`,
  );
}

/** Where we died between the upload and the answer, the batch is looked for by the file that it was made of. */
async function findSubmitted(api: HttpApi, { file_id, batch_id }: Submission): Promise<SubmittedBatch | undefined> {
  if (batch_id !== undefined) {
    return readBatch(api, batch_id).catch((error: unknown) => {
      if (!(error instanceof Problem) || error instanceof PassingProblem) throw error;
      const what = `${error.message} This file was submitted as ${batch_id}; --again buys everything anew.`;
      throw new Problem(what, { cause: error });
    });
  }
  if (file_id === undefined) return undefined;
  const batches = await api.list({ path: "/v1/batches", as: "tenant", item: batchSchema });
  const found = batches.value.find(({ input_file_id }) => input_file_id === file_id);
  return found && readBatch(api, found.id);
}

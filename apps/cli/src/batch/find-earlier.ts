import { randomUUID } from "node:crypto";
import { batchSchema } from "@darkroom/contracts";
import { Problem, PassingProblem } from "../problem.ts";
import type { HttpApi } from "../service/http-api.ts";
import { readBatch, type SubmittedBatch } from "./read-batch.ts";
import { assertFolderFor } from "./results-folder.ts";
import { keepSubmission, nameOf, readFileSubmissions, readFolderSubmission, type Submission } from "./submission.ts";

export type Wanted = {
  /** What the person calls it. */
  file: string;
  /** Of the lines that it comes to. */
  sha256: string;
  /** The folder for its results. */
  out: string | undefined;
};

export type Earlier =
  | { batch: SubmittedBatch }
  | {
      batch: undefined;
      /** The name to ask for a batch under: the same for every run that wants the same. */
      idempotencyKey: string;
      /** The file that was uploaded for it, where no batch was made of it, or one that was refused. */
      uploaded: string | undefined;
    };

/** What was submitted of these lines so far, by their names: what `--again` does not go on with. */
export async function namesSoFar(wanted: Wanted): Promise<ReadonlySet<string>> {
  return new Set((await submissionsOf(wanted)).map(nameOf));
}

/**
 * What was made of the same lines before, by what was kept beside the file or with the results. A batch that the service refused has bought
 * nothing, so it counts as none.
 * @param ignored names of submissions that do not count either
 * @throws {Problem} where a batch was made that the service does not know, and for a folder that is another batch's
 */
export async function findEarlier(api: HttpApi, wanted: Wanted, ignored?: ReadonlySet<string>): Promise<Earlier> {
  const { sha256, out } = wanted;
  const kept = out === undefined ? undefined : await readFolderSubmission(out);
  const submissions = (await submissionsOf(wanted)).filter((each) => ignored?.has(nameOf(each)) !== true);
  const looked = await Promise.all(
    submissions.map(async (submission) => Object.assign(await findSubmitted(api, submission), { submission })),
  );
  const going = looked.find(({ batch }) => batch !== undefined && batch.value.status !== "failed");
  const unknown = looked.find(({ problem }) => problem !== undefined);
  if (going === undefined && unknown?.problem !== undefined) throw unknown.problem;

  if (out !== undefined) {
    await assertFolderFor(going?.batch?.value.id, out);
    const isOther = kept !== undefined && nameOf(kept) !== (going && nameOf(going.submission));
    if (isOther && ignored === undefined) await assertGivenUp(api, out, kept);
  }
  if (going?.batch !== undefined) {
    await keepSubmission(wanted, { ...going.submission, batch_id: going.batch.value.id });
    return { batch: going.batch };
  }
  const [newest] = looked;
  return {
    batch: undefined,
    idempotencyKey: nameFor(sha256, { isAgain: ignored !== undefined, newest }),
    uploaded: newest?.submission.file_id,
  };
}

/**
 * The name of the batch that is to be made. It is made of the lines, so that runs that know nothing of each other ask for the same batch; of
 * the batch that was refused, where this one is in its place; and of chance where the user wants to buy again.
 */
function nameFor(sha256: string, { isAgain, newest }: { isAgain: boolean; newest: Looked | undefined }): string {
  const name = batchName(sha256, newest?.batch?.value.id);
  if (newest === undefined) return isAgain ? `${name}-${randomUUID()}` : name;
  // The answer to an earlier try was lost: the same name finds what became of it.
  return newest.batch === undefined ? (newest.submission.idempotency_key ?? name) : name;
}

/** @param refusedId the batch of the same lines that the service refused */
export const batchName = (sha256: string, refusedId?: string): string =>
  ["darkroom-batch", sha256, refusedId].filter((part) => part !== undefined).join("-");

async function submissionsOf({ file, sha256, out }: Wanted): Promise<Submission[]> {
  const kept = out === undefined ? undefined : await readFolderSubmission(out);
  const all = kept === undefined ? await readFileSubmissions(file) : [kept, ...(await readFileSubmissions(file))];
  const byName = new Map<string, Submission>();
  // A run may have died between the two places: what one of them knows counts.
  for (const each of all)
    if (each.sha256 === sha256) byName.set(nameOf(each), { ...byName.get(nameOf(each)), ...each });
  return [...byName.values()];
}

/** A folder without results may still be what another batch is known by: if that was lost, its lines would be bought again. */
async function assertGivenUp(api: HttpApi, out: string, kept: Submission): Promise<void> {
  const { batch, problem } = await findSubmitted(api, kept);
  if (problem !== undefined) throw problem;
  if (batch === undefined || batch.value.status === "failed") return;
  throw new Problem(
    `${out} is kept for other lines, submitted as ${batch.value.id}. Name another folder, or give this one up with --again.`,
  );
}

type Looked = { submission: Submission; batch?: SubmittedBatch | undefined; problem?: Problem };

/** Where we died between the upload and the answer, the batch is looked for by the file that it was made of. */
async function findSubmitted(
  api: HttpApi,
  { file_id, batch_id }: Submission,
): Promise<{ batch?: SubmittedBatch | undefined; problem?: Problem }> {
  if (batch_id !== undefined) {
    try {
      return { batch: await readBatch(api, batch_id) };
    } catch (error) {
      if (!(error instanceof Problem) || error instanceof PassingProblem) throw error;
      const what = `${error.message} This file was submitted as ${batch_id}; --again buys everything again.`;
      return { problem: new Problem(what, { cause: error }) };
    }
  }
  if (file_id === undefined) return {};
  const batches = await api.list({ path: "/v1/batches", as: "tenant", item: batchSchema });
  const found = batches.value.find(({ input_file_id }) => input_file_id === file_id);
  return found === undefined ? {} : { batch: await readBatch(api, found.id) };
}

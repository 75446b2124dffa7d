import { openAsBlob } from "node:fs";
import { type Batch, batchEndpoint, batchSchema, type CreateBatch, fileSchema } from "@darkroom/contracts";
import { Problem } from "../problem.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import { PassingProblem } from "../service/passing-problem.ts";
import type { BatchInput } from "./batch-input.ts";
import { writeSubmission } from "./submission.ts";

/** 200 MB, the most that a file may have, at a megabit a second. */
const uploadTimeoutMs = 30 * 60_000;

/** A batch as our code knows it, and as it came. */
export type SubmittedBatch = { value: Batch; json: unknown };

export type NewBatch = {
  input: BatchInput;
  sha256: string;
  options: Pick<CreateBatch, "completion_window" | "metadata">;
  /** Where to keep what was done. */
  path: string;
  /** A file that was uploaded by an earlier try, and of which no batch was made. */
  uploaded: string | undefined;
};

/**
 * Uploads a file, makes a batch of it, and keeps on the disk after each step that it was taken: the same lines are not bought twice, wherever
 * this is interrupted.
 */
export async function submitOnce(
  api: HttpApi,
  { input, sha256, options, path, uploaded }: NewBatch,
): Promise<SubmittedBatch> {
  const file_id = (await isThere(api, uploaded)) ? uploaded : await upload(api, input);
  await writeSubmission(path, { sha256, options, file_id });
  const batch = await api.send({
    method: "POST",
    path: "/v1/batches",
    body: { input_file_id: file_id, endpoint: batchEndpoint, ...options },
    as: "tenant",
    answer: batchSchema,
  });
  await writeSubmission(path, { sha256, options, file_id, batch_id: batch.value.id });
  return batch;
}

async function upload(api: HttpApi, { path, name }: BatchInput): Promise<string> {
  const form = new FormData();
  // Before the file, so that a service that reads as it comes knows what it is for.
  form.set("purpose", "batch");
  // Read from the disk while it is sent.
  form.set("file", await openAsBlob(path, { type: "application/jsonl" }), name);
  const request = { method: "POST", path: "/v1/files", as: "tenant", answer: fileSchema } as const;
  return (await api.send({ ...request, body: form, timeoutMs: uploadTimeoutMs })).value.id;
}

async function isThere(api: HttpApi, fileId: string | undefined): Promise<boolean> {
  if (fileId === undefined) return false;
  try {
    await api.send({ path: pathOf`/v1/files/${fileId}`, as: "tenant", answer: fileSchema });
    return true;
  } catch (error) {
    if (error instanceof Problem && !(error instanceof PassingProblem)) return false;
    throw error;
  }
}

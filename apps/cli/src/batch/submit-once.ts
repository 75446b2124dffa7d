import { openAsBlob } from "node:fs";
import { batchEndpoint, batchSchema, type CreateBatch, fileSchema } from "@darkroom/contracts";
import { z } from "zod";
import { Problem, PassingProblem } from "../problem.ts";
import { RefusedRequest } from "../service/explain-failure.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import type { BatchInput } from "./batch-input.ts";
import { batchName, type Wanted } from "./find-earlier.ts";
import { readBatch, type SubmittedBatch } from "./read-batch.ts";
import { keepSubmission } from "./submission.ts";

/** 200 MB, the most that a file may have, at a megabit a second. */
const uploadTimeoutMs = 30 * 60_000;

export type NewBatch = {
  input: BatchInput;
  /** Where to keep what was done: beside the file, and with the folder for its results. */
  wanted: Wanted;
  options: Pick<CreateBatch, "completion_window" | "metadata">;
  /** The name of the batch: one who asks under it again gets the same batch. */
  idempotencyKey: string;
  /** A file that was uploaded by an earlier try, and of which no batch was made. */
  uploaded: string | undefined;
};

/**
 * Uploads a file, makes a batch of it, and keeps on the disk after each step that it was taken: the same lines are not bought twice, wherever
 * this is interrupted. Where another machine has made a batch under the name, that is the batch, and the upload is removed.
 */
export async function submitOnce(
  api: HttpApi,
  { input, wanted, options, idempotencyKey, uploaded }: NewBatch,
): Promise<{ batch: SubmittedBatch; isEarlier: boolean }> {
  const { sha256 } = wanted;
  const file_id = uploaded !== undefined && (await isThere(api, uploaded)) ? uploaded : await upload(api, input);
  for (let name = idempotencyKey; ;) {
    const submission = { sha256, options, idempotency_key: name, file_id };
    await keepSubmission(wanted, submission);
    const { batch, isEarlier } = await createBatch(api, { input_file_id: file_id, ...options }, name);
    if (isEarlier && batch.value.status === "failed") {
      // It has bought nothing, and this one comes in its place.
      name = batchName(sha256, batch.value.id);
      continue;
    }
    await keepSubmission(wanted, { ...submission, file_id: batch.value.input_file_id, batch_id: batch.value.id });
    if (isEarlier && batch.value.input_file_id !== file_id) await removeUpload(api, file_id);
    return { batch, isEarlier };
  }
}

/** Makes the batch, or finds the one that was made under the name of another upload of the same lines. */
async function createBatch(api: HttpApi, asked: Omit<CreateBatch, "endpoint">, idempotencyKey: string) {
  try {
    const body = { endpoint: batchEndpoint, ...asked };
    const request = { method: "POST", path: "/v1/batches", as: "tenant", answer: batchSchema } as const;
    return { batch: await api.send({ ...request, body, idempotencyKey }), isEarlier: false };
  } catch (error) {
    const isMismatch = error instanceof RefusedRequest && error.code === "idempotency_mismatch";
    const id = isMismatch ? error.headers.get("x-batch-id") : null;
    if (id === null) throw error;
    return { batch: await readBatch(api, id), isEarlier: true };
  }
}

/** It costs nothing and expires on its own, so a failure is no reason to stop. */
async function removeUpload(api: HttpApi, fileId: string): Promise<void> {
  const request = { method: "DELETE", path: pathOf`/v1/files/${fileId}`, as: "tenant", answer: z.unknown() } as const;
  await api.send(request).catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
  });
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

async function isThere(api: HttpApi, fileId: string): Promise<boolean> {
  try {
    await api.send({ path: pathOf`/v1/files/${fileId}`, as: "tenant", answer: fileSchema });
    return true;
  } catch (error) {
    if (error instanceof Problem && !(error instanceof PassingProblem)) return false;
    throw error;
  }
}

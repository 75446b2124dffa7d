import { setTimeout as pause } from "node:timers/promises";
import type { Batch, BatchStatus } from "@darkroom/contracts";
import type { BatchClient } from "./batch-client.ts";

/** How long each part of a batch took, in milliseconds, as its submitter sees it; at least as long as lies between two looks. */
export type BatchTimes = {
  uploadMs: number;
  validationMs: number;
  runningMs: number;
  finalizationMs: number;
  /** From `POST /v1/batches` to `completed`. */
  endToEndMs: number;
};

/** How often the batch is looked at, in milliseconds: its times are exact to this. */
const everyMs = 50;

/** The least that a line can ask for: one small picture. */
const lineOf = (index: number): string =>
  JSON.stringify({
    custom_id: customId(index),
    method: "POST",
    url: "/v1/images/generations",
    body: { model: "dall-e-2", prompt: `A lighthouse at dusk, seen from boat ${index}`, size: "256x256" },
  });

const customId = (index: number): string => `line-${index}`;

/** Runs a batch from the upload to the last line of its output. Throws when a line of it is missing, failed, or there twice. */
export async function runBatch(client: BatchClient, lines: number): Promise<BatchTimes> {
  const text = Array.from({ length: lines }, (_, index) => `${lineOf(index)}\n`).join("");
  const uploadAtMs = performance.now();
  const fileId = await client.upload(text);
  const createAtMs = performance.now();
  const { id } = await client.create(fileId);
  const { batch, seenAtMs } = await untilEnded(client, id);
  await checkOutput(client, batch, lines);

  const completedAtMs = seenAtMs.get("completed") ?? Number.NaN;
  const finalizingAtMs = seenAtMs.get("finalizing") ?? completedAtMs;
  const runningAtMs = seenAtMs.get("in_progress") ?? finalizingAtMs;
  return {
    uploadMs: between(uploadAtMs, createAtMs),
    validationMs: between(createAtMs, runningAtMs),
    runningMs: between(runningAtMs, finalizingAtMs),
    finalizationMs: between(finalizingAtMs, completedAtMs),
    endToEndMs: between(createAtMs, completedAtMs),
  };
}

const between = (fromMs: number, toMs: number): number => Math.max(toMs - fromMs, everyMs);

/** Looks at a batch until it moves no more. Answers when it was first seen in each status. */
async function untilEnded(client: BatchClient, id: string) {
  const seenAtMs = new Map<BatchStatus, number>();
  for (;;) {
    const batch = await client.read(id);
    if (!seenAtMs.has(batch.status)) seenAtMs.set(batch.status, performance.now());
    if (batch.status === "completed") return { batch, seenAtMs };
    if (batch.status === "failed") throw new Error(`The batch failed: ${JSON.stringify(batch.errors)}`);
    await pause(everyMs);
  }
}

async function checkOutput(client: BatchClient, batch: Batch, lines: number): Promise<void> {
  const { output_file_id: fileId, request_counts: counts } = batch;
  if (counts.total !== lines || counts.completed !== lines || counts.failed !== 0) {
    throw new Error(`Of ${lines} lines the batch counts ${JSON.stringify(counts)}`);
  }
  if (fileId === null || batch.error_file_id !== null) throw new Error("There is no output, or there are errors");
  const missing = new Set(Array.from({ length: lines }, (_, index) => customId(index)));
  for await (const { custom_id, response } of client.lines(fileId)) {
    if (!missing.delete(custom_id)) throw new Error(`${custom_id} is in the output twice, or was never asked for`);
    if (response?.status_code !== 200) throw new Error(`${custom_id} was not answered with an image`);
  }
  if (missing.size > 0) throw new Error(`${missing.size} lines are missing in the output`);
}

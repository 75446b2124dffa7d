import { type Batch, type BatchOutputLine, batchOutputLineSchema, batchSchema } from "@darkroom/contracts";
import type OpenAI from "openai";
import { toFile } from "openai";
import { expect } from "vitest";

/** The body of every line, small enough to be drawn at once. */
const lineBody = { model: "dall-e-2", size: "256x256" };

export type Line = { custom_id: string; body?: Record<string, unknown> };

/** The lines of a batch as a file. */
export const lineFile = (lines: readonly Line[]): string =>
  lines
    .map(({ custom_id, body }) =>
      JSON.stringify({
        custom_id,
        method: "POST",
        url: "/v1/images/generations",
        body: { ...lineBody, prompt: `A picture of ${custom_id}`, ...body },
      }),
    )
    .join("\n");

/** As many lines as that, `r0`, `r1` and so on. */
export const numberedLines = (count: number, prefix = "r"): Line[] =>
  Array.from({ length: count }, (_, i) => ({ custom_id: `${prefix}${i}` }));

/** Uploads lines and makes a batch of them, with the SDK. */
export async function createBatch(
  client: OpenAI,
  lines: readonly Line[] | string,
  more: Partial<OpenAI.Batches.BatchCreateParams> = {},
): Promise<OpenAI.Batches.Batch> {
  const text = typeof lines === "string" ? lines : lineFile(lines);
  const file = await client.files.create({ purpose: "batch", file: await toFile(Buffer.from(text), "lines.jsonl") });
  return client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/images/generations",
    completion_window: "24h",
    ...more,
  });
}

const ended = new Set(["completed", "failed", "expired", "cancelled"]);

/** The batch once it has ended, as we say it, with our own fields. Asks again while the api is away. */
export async function untilEnded(client: OpenAI, id: string, timeoutMs = 120_000): Promise<Batch> {
  let batch: Batch | undefined;
  await expect
    .poll(
      async () => {
        batch = batchSchema.parse(await client.batches.retrieve(id).catch(() => batch));
        return ended.has(batch.status);
      },
      { timeout: timeoutMs, interval: 100 },
    )
    .toBe(true);
  if (batch === undefined) throw new Error(`${id} was never read`);
  return batch;
}

/** The lines of an output or an error file; none where there is no file. */
export async function readLines(client: OpenAI, fileId: string | null | undefined): Promise<BatchOutputLine[]> {
  if (fileId == null) return [];
  const text = await (await client.files.content(fileId)).text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => batchOutputLineSchema.parse(JSON.parse(line)));
}

/** Both files of a batch, and that they hold every line exactly once: what was asked for, whatever became of it. */
export async function expectEveryLineOnce(client: OpenAI, batch: Batch, lines: readonly Line[]) {
  const [output, errors] = await Promise.all([
    readLines(client, batch.output_file_id),
    readLines(client, batch.error_file_id),
  ]);
  const ids = [...output, ...errors].map(({ custom_id }) => custom_id);
  expect(ids.toSorted()).toEqual(lines.map(({ custom_id }) => custom_id).toSorted());
  expect(batch.request_counts).toEqual({ total: lines.length, completed: output.length, failed: errors.length });
  return { output, errors };
}

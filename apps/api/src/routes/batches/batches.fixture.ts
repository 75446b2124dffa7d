import { Readable } from "node:stream";
import { type Batch, type BatchEnding, batchSchema } from "@darkroom/contracts";
import type { BatchRecord } from "@darkroom/batches";
import { apiKey, keepApi, startApi, type StartApiOptions, type TestApi } from "../../api.fixture.ts";

export const lane = "openai.batch";

/** A file in the service's own store. Returns its id. */
export async function putFile(api: TestApi, over: { tenant?: string; purpose?: "batch" | "batch_output" } = {}) {
  const { id } = await api.files.create({
    tenant: "acme",
    purpose: "batch",
    filename: "lines.jsonl",
    expiresInSeconds: 60,
    body: Readable.from([Buffer.from("{}\n")]),
    maxBytes: 1_000,
    ...over,
  });
  return id;
}

export const batchRequest = (input_file_id: string, more: object = {}) => ({
  input_file_id,
  endpoint: "/v1/images/generations",
  completion_window: "24h",
  ...more,
});

/** Reads a batch off an answer, and holds it to the contract. */
export async function batchIn(answer: Response): Promise<Batch> {
  const body: unknown = await answer.json();
  return batchSchema.strict().parse(body);
}

/** A service with an input file, and calls to its batches. `keep`: for all tests of a `describe`, in its `beforeAll`. */
export async function startBatches({ keep = false, ...options }: StartApiOptions & { keep?: boolean } = {}) {
  const api = await (keep ? keepApi : startApi)(options);
  const fileId = await putFile(api);

  const send = (body: unknown, headers: Record<string, string> = {}, key = apiKey) =>
    api.call("/v1/batches", {
      method: "POST",
      key,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });

  return {
    api,
    fileId,
    send,
    create: async (more: object = {}): Promise<Batch> => batchIn(await send(batchRequest(fileId, more))),
    cancel: (id: string, key = apiKey) => api.call(`/v1/batches/${id}/cancel`, { method: "POST", key }),
    recordOf: (id: string) => recordOf(api, id),
    end: (id: string, ending: BatchEnding) => endBatch(api, id, ending),
  };
}

async function recordOf(api: TestApi, id: string): Promise<BatchRecord> {
  const record = await api.queue.batches.read(id);
  if (record === null) throw new Error(`There is no batch ${id}`);
  return record;
}

/** Does to a new batch what the workers do. */
async function endBatch(api: TestApi, id: string, ending: BatchEnding): Promise<void> {
  const { batches } = api.queue;
  if (ending === "failed") {
    await batches.fail(id, [{ code: "invalid_json_line", message: "Not JSON.", param: null, line: 2 }]);
    return;
  }
  await batches.accept(id, { model: "dall-e-2", lane, total: 3, chunks: [0] });
  if (ending === "cancelled") await batches.cancel(id, lane);
  if (ending === "expired") await batches.overdue(id, lane);
  await batches.settle(await recordOf(api, id));
  const counts = { completed: 2, failed: 1, usage: null };
  await batches.finish(await recordOf(api, id), { outputFileId: "file-out", errorFileId: "file-err", ...counts });
}

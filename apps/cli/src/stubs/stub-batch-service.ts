import { createServer, type IncomingMessage } from "node:http";
import { buffer, json } from "node:stream/consumers";
import { type Batch, batchLineSchema, createBatchSchema, openImageRequestSchema } from "@darkroom/contracts";
import { fakeImage, listeningPort } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { stubBatch } from "./stub-batch.ts";
import { stubModels, unlistedModel } from "./stub-models.ts";

export type StubBatchOptions = {
  /** How many lines end between two looks at a batch. */
  linesPerLook?: number;
  /** Lays this over a batch that has ended. */
  ended?: Partial<Batch>;
};

export type StubBatchService = Awaited<ReturnType<typeof startStubBatchService>>;
type StubAnswer = { status?: number; type?: string; headers?: Record<string, string>; body: unknown };

const time = Math.floor(Date.UTC(2026, 10, 22, 9, 30) / 1000);

/**
 * Stands in for the api with files, batches and images: a prompt with `refuse` in it fails, `expired` has a link that has expired. Can be away:
 * then every connection breaks.
 */
export async function startStubBatchService({ linesPerLook = 1000, ended = {} }: StubBatchOptions = {}) {
  const asked: string[] = [];
  const files = new Map<string, { name: string; content: Buffer }>();
  const batches: { batch: Batch; lines: ReturnType<typeof readInput> }[] = [];
  /** What each Idempotency-Key stands for. */
  const named = new Map<string, { id: string; body: string }>();
  const state = {
    asked,
    files,
    batches,
    isAway: false,
    dropBatchAnswer: false,
    /** Uploads are answered after this. */
    uploadsWaitFor: Promise.resolve(),
    url: "",
  };
  const png = await fakeImage(8, 8, "png");
  const webp = await fakeImage(8, 8, "webp");

  async function answer(request: IncomingMessage): Promise<StubAnswer> {
    const { method, url = "" } = request;
    const [path = ""] = url.split("?");
    const [, , kind, id = "", what] = path.split("/");
    const found = batches.find(({ batch }) => batch.id === id);
    if (kind === "images") {
      const name = decodeURIComponent(id);
      return name.includes("expired")
        ? { status: 403, body: "" }
        : { type: "image/png", body: name === "webp" ? webp : png };
    }
    if (kind === "models" && id === "") return { body: stubModels };
    if (kind === "models") return id === unlistedModel.id ? { body: unlistedModel } : notFound;
    if (kind === "files" && method === "POST") {
      const file = await keepUpload(request);
      await state.uploadsWaitFor;
      return { body: file };
    }
    if (kind === "files" && method === "DELETE") {
      files.delete(id);
      return { body: { id, object: "file", deleted: true } };
    }
    if (kind === "files" && what === "content") return { type: "application/jsonl", body: files.get(id)?.content };
    if (kind === "files") return files.has(id) ? { body: fileOf(id) } : notFound;
    if (kind === "batches" && method === "POST" && id === "") {
      const wanted = createBatchSchema.parse(await json(request));
      const name = String(request.headers["idempotency-key"]);
      const earlier = named.get(name);
      if (earlier !== undefined && batches.some(({ batch }) => batch.id === earlier.id))
        return again(earlier, JSON.stringify(wanted));
      const { input_file_id, completion_window, metadata = null } = wanted;
      const lines = readInput(files.get(input_file_id)?.content ?? Buffer.alloc(0));
      const batch = stubBatch({ id: `batch_${batches.length + 1}`, input_file_id, completion_window, metadata });
      batch.request_counts.total = lines.length;
      batches.push({ batch, lines });
      if (name !== "undefined") named.set(name, { id: batch.id, body: JSON.stringify(wanted) });
      if (state.dropBatchAnswer) request.socket.destroy();
      return { body: batch };
    }
    if (kind === "batches" && id === "") {
      const data = batches.map(({ batch }) => batch).toReversed();
      return { body: { object: "list", data, first_id: null, last_id: null, has_more: false } };
    }
    if (found === undefined) return notFound;
    if (what === "cancel") found.batch.status = "cancelling";
    else advance(found);
    return { body: found.batch };
  }

  /** The answer to a name that was used before, as the api gives it. */
  function again({ id, body }: { id: string; body: string }, wanted: string): StubAnswer {
    const headers = { "x-batch-id": id };
    if (body !== wanted) return refused(422, "idempotency_mismatch", `It stands for ${id}.`, headers);
    return { headers, body: batches.find(({ batch }) => batch.id === id)?.batch };
  }
  const fileOf = (id: string) => ({
    id,
    object: "file",
    bytes: files.get(id)?.content.length,
    created_at: time,
    expires_at: null,
    filename: files.get(id)?.name,
    purpose: "batch",
    status: "processed",
  });
  let keptFiles = 0;
  function keep(name: string, content: Buffer): string {
    const id = `file-${++keptFiles}`;
    files.set(id, { name, content });
    return id;
  }
  function keepLines(rows: object[]): string | null {
    if (rows.length === 0) return null;
    return keep("x.jsonl", Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
  }
  async function keepUpload(request: IncomingMessage) {
    const headers = { "content-type": request.headers["content-type"] ?? "" };
    const form = await new Response(new Uint8Array(await buffer(request)), { headers }).formData();
    const file = form.get("file");
    if (!(file instanceof File) || form.get("purpose") !== "batch") throw new Error("no file for a batch was sent");
    return fileOf(keep(file.name, Buffer.from(await file.arrayBuffer())));
  }

  function advance({ batch, lines }: (typeof batches)[number]): void {
    if (batch.completed_at !== null) return;
    const counts = batch.request_counts;
    const ends = Math.min(counts.completed + counts.failed + linesPerLook, lines.length);
    counts.failed = lines.slice(0, ends).filter(isRefused).length;
    counts.completed = ends - counts.failed;
    batch.cost = counts.completed * 40_000;
    batch.status = "in_progress";
    if (ends < lines.length) return;
    const outputs = lines.filter((line) => !isRefused(line)).map((line) => outputLine(line));
    const errors = lines.filter(isRefused).map(({ custom_id }) => ({ custom_id }));
    Object.assign(batch, {
      status: "completed",
      completed_at: time,
      output_file_id: keepLines(outputs),
      error_file_id: keepLines(errors),
      ...ended,
    });
  }
  function outputLine({ custom_id, prompt, n = 1, response_format }: ReturnType<typeof readInput>[number]) {
    const image = (index: number) =>
      response_format === "b64_json"
        ? { b64_json: webp.toString("base64"), size: "8x8" }
        : { b64_json: null, url: `${state.url}/v1/images/${encodeURIComponent(prompt)}/${index}`, size: "8x8" };
    const body = { created: time, data: Array.from({ length: n }, (_, index) => image(index)) };
    return { id: "x", custom_id, response: { status_code: 200, request_id: "x", body }, error: null };
  }

  const server = createServer((request, response) => {
    if (state.isAway) {
      request.socket.destroy();
      return;
    }
    asked.push(`${request.method} ${request.url}`);
    void answer(request).then(({ status = 200, type = "application/json", headers = {}, body }) => {
      response.writeHead(status, { "content-type": type, ...headers });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  });
  state.url = `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}`;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return state;
}

function readInput(content: Buffer) {
  const lines = new TextDecoder().decode(content).split(/\s*\n/).filter(Boolean);
  return lines.map((line) => {
    const { custom_id, body } = batchLineSchema.parse(JSON.parse(line));
    return Object.assign(openImageRequestSchema.parse(body), { custom_id });
  });
}

const refused = (status: number, code: string, message: string, headers = {}): StubAnswer => ({
  status,
  headers,
  body: { error: { message, type: "invalid_request_error", param: null, code } },
});
const notFound = refused(404, "not_found", "There is none of this id.");

const isRefused = ({ prompt }: { prompt: string }) => prompt.includes("refuse");

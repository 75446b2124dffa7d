import { createInterface } from "node:readline/promises";
import { Readable } from "node:stream";
import { type Batch, batchOutputLineSchema, batchSchema, fileSchema } from "@darkroom/contracts";
import type { Target } from "../load/load-plan.ts";

/** Uploads files and runs batches as a submitter does, over HTTP. */
export function createBatchClient({ origin, headers: { authorization = "" } }: Target) {
  async function call(path: string, body?: FormData | string): Promise<Response> {
    const headers = new Headers({ authorization });
    if (typeof body === "string") headers.set("content-type", "application/json");
    const sent = body === undefined ? {} : { method: "POST", body };
    const answer = await fetch(`${origin}${path}`, { ...sent, headers });
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
    return answer;
  }
  return {
    /** Returns the id of the file. */
    async upload(text: string): Promise<string> {
      const body = new FormData();
      body.set("purpose", "batch");
      body.set("file", new File([text], "lines.jsonl"));
      return fileSchema.parse(await (await call("/v1/files", body)).json()).id;
    },
    create: (inputFileId: string): Promise<Batch> =>
      readBatch(
        call(
          "/v1/batches",
          JSON.stringify({ input_file_id: inputFileId, endpoint: "/v1/images/generations", completion_window: "24h" }),
        ),
      ),
    read: (id: string): Promise<Batch> => readBatch(call(`/v1/batches/${id}`)),
    /** The lines of an output or an error file, as they come. */
    async *lines(fileId: string) {
      const { body } = await call(`/v1/files/${fileId}/content`);
      if (body === null) throw new Error(`The file ${fileId} has no content`);
      for await (const line of createInterface({ input: Readable.from(body), crlfDelay: Infinity })) {
        yield batchOutputLineSchema.parse(JSON.parse(line));
      }
    },
  };
}

export type BatchClient = ReturnType<typeof createBatchClient>;

const readBatch = async (answer: Promise<Response>): Promise<Batch> => batchSchema.parse(await (await answer).json());

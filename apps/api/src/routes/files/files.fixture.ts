import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { fileSchema } from "@darkroom/contracts";
import { apiKey, type TestApi } from "../../api.fixture.ts";

export const oneLine = '{"custom_id":"a","method":"POST","url":"/v1/images/generations","body":{"prompt":"a cat"}}\n';

export const jsonlFile = (content: string = oneLine, name = "prompts.jsonl") =>
  new File([content], name, { type: "application/jsonl" });

/** A form with these entries in this order. */
export function formOf(...entries: readonly (readonly [name: string, value: string | File])[]): FormData {
  const form = new FormData();
  // As `append` has an overload for each.
  for (const [name, value] of entries) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value);
  }
  return form;
}

/** Uploads a form, as `acme` unless another key is given. */
export const upload = (api: TestApi, form: FormData, key: string = apiKey) =>
  api.call("/v1/files", { method: "POST", body: form, key });

/** Uploads a file that must be taken. */
export async function uploadFile(api: TestApi, file: File = jsonlFile()) {
  const answer = await upload(api, formOf(["purpose", "batch"], ["file", file]));
  if (answer.status !== 200) throw new Error(`The upload was answered with ${answer.status}: ${await answer.text()}`);
  return fileSchema.strict().parse(await answer.json());
}

export const boundary = "a-boundary-of-this-test";
export const head = `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`;
export const fileHead = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n`;
export const tail = `\r\n--${boundary}--\r\n`;

/** An upload whose bytes the test sends as it likes. */
export function startUpload(api: Pick<TestApi, "baseUrl">, headers: Record<string, string | number> = {}) {
  const sending = httpRequest(`${api.baseUrl}/v1/files`, {
    method: "POST",
    agent: false,
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": `multipart/form-data; boundary=${boundary}`,
      ...headers,
    },
  });
  const answered = new Promise<{ status: number; body: { error?: Record<string, unknown>; id?: string } }>(
    (resolve, reject) => {
      sending.once("error", reject);
      sending.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
    },
  );
  answered.catch(() => {});
  return {
    sending,
    answered,
    /** Resolves when there is room for more. */
    write: async (bytes: string | Uint8Array): Promise<void> => {
      if (!sending.write(bytes)) await Promise.race([once(sending, "drain"), answered]);
    },
  };
}

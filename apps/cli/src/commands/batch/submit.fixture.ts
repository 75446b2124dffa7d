import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { runDarkroom } from "../../stubs/run-darkroom.ts";
import { startStubBatchService, type StubBatchOptions } from "../../stubs/stub-batch-service.ts";

/** A service, a folder with a file to submit, and `darkroom batch submit` for it or for another. */
export async function openSubmit(
  content: string,
  { name = "prompts.txt", ...options }: StubBatchOptions & { name?: string } = {},
) {
  const service = await startStubBatchService(options);
  const folder = await temporaryFolder();
  const file = join(folder, name);
  await writeFile(file, content);
  const submitFile = (path: string, ...args: string[]) =>
    runDarkroom(["batch", "submit", path, ...args], { DARKROOM_URL: service.url, DARKROOM_API_KEY: "k" });
  const submit = (...args: string[]) => submitFile(file, ...args);
  return { service, folder, file, submit, submitFile, out: join(folder, "images") };
}

export const model = ["--model", "dall-e-3"];

/** A batch line as a client writes it. */
export const line = (
  custom_id: string,
  body: object = { model: "dall-e-3", prompt: "a cat" },
  over: object = {},
): string => JSON.stringify({ custom_id, method: "POST", url: "/v1/images/generations", body, ...over });

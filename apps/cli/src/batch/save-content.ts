import { createWriteStream, existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import pRetry from "p-retry";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import { PassingProblem } from "../problem.ts";

/** Half a minute in all: a service that restarts is back by then. */
const patience = { retries: 5, minTimeout: 1_000, factor: 2 };

/**
 * Writes a file of the service to the disk, unless it is there, and gives it its name once it is whole.
 * @throws {Problem} as `HttpApi.open` does, after several tries where it may pass
 */
export async function saveContent(api: HttpApi, fileId: string, { part, path }: { part: string; path: string }) {
  if (existsSync(path)) return;
  await pRetry(async () => copy(await api.open({ path: pathOf`/v1/files/${fileId}/content`, as: "tenant" }), part), {
    ...patience,
    shouldRetry: ({ error }) => error instanceof PassingProblem,
  });
  await rename(part, path);
}

async function copy(content: AsyncIterable<Uint8Array>, part: string): Promise<void> {
  try {
    await pipeline(content, createWriteStream(part));
  } catch (error) {
    // A full disk does not pass.
    if (error instanceof Error && "syscall" in error) throw error;
    throw new PassingProblem("The connection broke while a result file was read. Run the same command again.", {
      cause: error,
    });
  }
}

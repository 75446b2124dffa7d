import { createWriteStream, existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import { PassingProblem } from "../problem.ts";

/** Before each new try: a service that restarts is back within these. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000];

/**
 * Writes a file of the service to the disk, unless it is there, and gives it its name once it is whole.
 * @throws {Problem} as `HttpApi.open` does, after several tries where it may pass
 */
export async function saveContent(api: HttpApi, fileId: string, { part, path }: { part: string; path: string }) {
  if (existsSync(path)) return;
  for (let tries = 0; ; tries++) {
    try {
      await copy(await api.open({ path: pathOf`/v1/files/${fileId}/content`, as: "tenant" }), part);
      return await rename(part, path);
    } catch (error) {
      const pauseMs = pausesMs[tries];
      if (!(error instanceof PassingProblem) || pauseMs === undefined) throw error;
      await sleep(pauseMs);
    }
  }
}

async function copy(content: AsyncIterable<Uint8Array>, part: string): Promise<void> {
  try {
    await pipeline(content, createWriteStream(part));
  } catch (error) {
    // A full disk does not pass.
    if (error instanceof Error && "syscall" in error) throw error;
    throw new PassingProblem("The connection broke while a file of results was read. Run the same command again.", {
      cause: error,
    });
  }
}

import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Batch, type BatchOutputLine, batchOutputLineSchema, countOf } from "@darkroom/contracts";
import pMap from "p-map";
import type { Progress } from "../progress/progress.ts";
import { createRate } from "../progress/rate.ts";
import type { HttpApi } from "../service/http-api.ts";
import { formatDuration } from "../text/duration.ts";
import { createFileNamer } from "./file-namer.ts";
import { readLines } from "./read-lines.ts";
import { openResultsFolder } from "./results-folder.ts";
import { saveContent } from "./save-content.ts";
import { ImageFailure, type ImageSource, saveImage } from "./save-image.ts";

export type Download = {
  batch: Batch;
  folder: string;
  /** How many images are fetched at a time. */
  concurrency: number;
};

export type Downloaded = {
  /** Images that were written now. */
  saved: number;
  /** Images that were there already. */
  already: number;
  /** Images that could not be had; `failures.jsonl` says why. */
  failed: number;
  /** Where that is. */
  failures: string;
  /** Where the lines without an image are; null where there are none. */
  errors: string | null;
};

type Dependencies = { api: HttpApi; fetch: typeof globalThis.fetch; progress: Progress };

/** Writes down why something is not there. */
type Fail = (failure: object) => Promise<void>;

/** An image of the output file, and what it is called; or a line of it that says nothing we know. */
type Item = { customId: string; image: number; stem: string; source: ImageSource; lines: number };

/**
 * Fetches the results of a batch that has ended into a folder: `output.jsonl`, `errors.jsonl`, and every image under the name of its line.
 * What is there already is not fetched again, so that it can be interrupted at any time.
 * @throws {Problem} for a folder with other results, and as `HttpApi.open` does
 */
export async function downloadResults(
  { batch, folder, concurrency }: Download,
  { api, fetch, progress }: Dependencies,
) {
  await using results = await openResultsFolder(batch.id, folder);
  const total = batch.request_counts.completed;
  progress.show({ done: 0, total, words: "lines, fetching the output file" });
  const part = join(results.parts, "content");
  if (batch.error_file_id !== null) await saveContent(api, batch.error_file_id, { part, path: results.errors });
  const errors = batch.error_file_id === null ? null : results.errors;
  const downloaded: Downloaded = { saved: 0, already: 0, failed: 0, failures: results.failures, errors };
  if (batch.output_file_id === null) return downloaded;
  await saveContent(api, batch.output_file_id, { part, path: results.output });

  const failuresPart = join(results.parts, "failures");
  await using failures = await open(failuresPart, "a");
  const fail: Fail = async (failure) => {
    downloaded.failed++;
    await failures.appendFile(`${JSON.stringify(failure)}\n`);
  };
  const rate = createRate(() => performance.now());
  let parts = 0;
  const save = async ({ customId, image, stem, source, lines }: Item) => {
    if (results.images.has(stem)) downloaded.already++;
    else {
      const target = { part: join(results.parts, String(parts++)), stem: join(folder, stem) };
      try {
        await saveImage(source, target, fetch);
        rate.add(++downloaded.saved);
      } catch (error) {
        if (!(error instanceof ImageFailure)) throw error;
        await fail({ custom_id: customId, image, reason: error.message, url: source.url });
      }
    }
    progress.show({ done: lines, total, words: wordsFor(downloaded, lines / total, rate.perSecond()) });
  };
  await pMap(imagesOf(results.output, fail), save, { concurrency });
  if (downloaded.failed > 0) await rename(failuresPart, results.failures);
  else await rm(results.failures, { force: true });
  return downloaded;
}

async function* imagesOf(output: string, fail: Fail): AsyncGenerator<Item> {
  const namer = createFileNamer();
  let lines = 0;
  for await (const bytes of readLines(createReadStream(output))) {
    lines++;
    const line = parseLine(bytes);
    const body = line?.response?.body;
    if (line === undefined || body === undefined || "error" in body) {
      await fail({
        custom_id: line?.custom_id ?? null,
        line: lines,
        reason: "this line of output.jsonl has no images",
      });
      continue;
    }
    const stems = namer(line.custom_id, body.data.length);
    for (const [image, stem] of stems.entries()) {
      const { url = null, b64_json = null } = body.data[image] ?? {};
      yield { customId: line.custom_id, image, stem, source: { url, b64_json }, lines };
    }
  }
}

function parseLine(bytes: Buffer): BatchOutputLine | undefined {
  try {
    return batchOutputLineSchema.parse(JSON.parse(bytes.toString()));
  } catch {
    return undefined;
  }
}

function wordsFor({ saved, already, failed }: Downloaded, share: number, perSecond = 0): string {
  const seen = saved + already + failed;
  const words = [`lines, ${countOf(saved + already, "image")} there, ${failed} failed`];
  if (perSecond > 0) words.push(`${perSecond.toFixed(1)}/s`);
  // How many images a line has is not known before it is read: the rest is taken to be like what was.
  if (perSecond > 0 && share < 1) words.push(`${formatDuration((1000 * (seen / share - seen)) / perSecond)} left`);
  return words.join(", ");
}

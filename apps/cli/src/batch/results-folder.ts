import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { extname, join, parse } from "node:path";
import { Problem } from "../problem.ts";
import { imageExtensions } from "./image-extension.ts";
import { keepInFolder, readFolderSubmission } from "./submission.ts";

const partsPrefix = ".darkroom-parts-";

/** A folder for the results of one batch. */
export type ResultsFolder = {
  output: string;
  errors: string;
  failures: string;
  /** Where files are put together before they get their names. */
  parts: string;
  /** The names, without extension, of the images that are there and whole. */
  images: ReadonlySet<string>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Where a folder keeps the output file of its batch. */
const outputPath = (folder: string): string => join(folder, "output.jsonl");
const errorsPath = (folder: string): string => join(folder, "errors.jsonl");

/**
 * Refuses a folder that holds results of another batch: an image of the same name would be taken for one of this one.
 * @param batchId undefined for a batch that is yet to be made
 * @throws {Problem}
 */
export async function assertFolderFor(batchId: string | undefined, folder: string): Promise<void> {
  const kept = await readFolderSubmission(folder);
  if (kept?.batch_id !== undefined && kept.batch_id === batchId) return;
  const images = existsSync(folder) && (await imagesIn(folder)).size > 0;
  if (!images && !existsSync(outputPath(folder)) && !existsSync(errorsPath(folder))) return;
  const whose = kept?.batch_id === undefined ? "has images in it" : `has the results of ${kept.batch_id} in it`;
  throw new Problem(`${folder} ${whose}. Name another folder with --out.`);
}

/**
 * Makes the folder ready for a batch, and says on the disk that it is this one's.
 * @throws {Problem} as `assertFolderFor` does
 */
export async function openResultsFolder(batchId: string, folder: string): Promise<ResultsFolder> {
  await assertFolderFor(batchId, folder);
  await mkdir(folder, { recursive: true });
  const kept = await readFolderSubmission(folder);
  if (kept !== undefined && kept.batch_id !== batchId) {
    throw new Problem(
      `${folder} is kept for ${kept.batch_id ?? "a batch that is being made"}. Name another with --out.`,
    );
  }
  if (kept === undefined) await keepInFolder(folder, { batch_id: batchId });
  for (const name of await readdir(folder)) {
    if (name.startsWith(partsPrefix) && !isAlive(Number(name.slice(partsPrefix.length)))) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
  const parts = join(folder, `${partsPrefix}${process.pid}`);
  await mkdir(parts, { recursive: true });
  return {
    output: outputPath(folder),
    errors: errorsPath(folder),
    failures: join(folder, "failures.jsonl"),
    parts,
    images: await imagesIn(folder),
    [Symbol.asyncDispose]: () => rm(parts, { recursive: true, force: true }),
  };
}

async function imagesIn(folder: string): Promise<Set<string>> {
  const names = await readdir(folder);
  return new Set(names.filter((name) => imageExtensions.has(extname(name).slice(1))).map((name) => parse(name).name));
}

/** Whether the process that put files together there still runs. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of another user counts, too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

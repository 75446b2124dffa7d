import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Problem } from "../problem.ts";

/** What is kept on the disk about a batch, so that the same command goes on with it instead of buying again. */
const submissionSchema = z.object({
  /** Of the batch's lines; absent where only its results were fetched. */
  sha256: z.string().optional(),
  options: z
    .object({ completion_window: z.string(), metadata: z.record(z.string(), z.string()).optional() })
    .optional(),
  file_id: z.string().optional(),
  /** Absent while it is not known whether the batch was made. */
  batch_id: z.string().optional(),
});
export type Submission = z.infer<typeof submissionSchema>;

/** Where the submission of a file is kept when there is no folder for its results. */
export const fileSubmissionPath = (file: string): string => `${file}.darkroom-batch.json`;

/** Which batch a folder is for, and how it was submitted. */
export const folderSubmissionPath = (folder: string): string => join(folder, "darkroom-batch.json");

/**
 * What is kept there; undefined where nothing is.
 * @throws {Problem} for a file that is not of ours: what it says might be what a batch was bought for
 */
export async function readSubmission(path: string): Promise<Submission | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    return submissionSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    throw new Problem(`${path} says which batch was made, and cannot be read. Look into it before you delete it.`, {
      cause: error,
    });
  }
}

/** Keeps it, in one step: a process that dies meanwhile leaves the one of before. */
export async function writeSubmission(path: string, submission: Submission): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  await writeFile(part, `${JSON.stringify(submission, null, 2)}\n`);
  await rename(part, path);
}

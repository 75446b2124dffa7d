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
  /** The name under which the batch was asked for. A submission of before there were names has none. */
  idempotency_key: z.string().optional(),
  file_id: z.string().optional(),
  /** Absent while it is not known whether the batch was made. */
  batch_id: z.string().optional(),
});
export type Submission = z.infer<typeof submissionSchema>;

/** A file may have been submitted with other lines or options before: all of that is kept, the newest first. */
const submissionsSchema = z.union([
  z.object({ submissions: z.array(submissionSchema) }),
  // Earlier releases kept the newest alone.
  submissionSchema.transform((only) => ({ submissions: [only] })),
]);

/** What a submission is told from others by. */
export const nameOf = ({ idempotency_key, batch_id, file_id }: Submission): string =>
  idempotency_key ?? batch_id ?? file_id ?? "";

/** Where the submissions of a file are kept. */
const fileSubmissionsPath = (file: string): string => `${file}.darkroom-batch.json`;

/** Which batch a folder is for, and how it was submitted. */
const folderSubmissionPath = (folder: string): string => join(folder, "darkroom-batch.json");

/** The submissions of a file, the newest first. Throws as `readFolderSubmission` does. */
export async function readFileSubmissions(file: string): Promise<Submission[]> {
  return (await readKept(fileSubmissionsPath(file), submissionsSchema))?.submissions ?? [];
}

/**
 * The submission whose results a folder is for; undefined where there is none.
 * @throws {Problem} for a file that is not of ours: what it says might be what a batch was bought for
 */
export async function readFolderSubmission(folder: string): Promise<Submission | undefined> {
  return readKept(folderSubmissionPath(folder), submissionSchema);
}

/** Keeps with a folder whose results it is for. */
export async function keepInFolder(folder: string, submission: Submission): Promise<void> {
  await replaceFile(folderSubmissionPath(folder), submission);
}

/** Keeps a submission beside its file, as the newest. One of the same name is replaced. */
async function keepBesideFile(file: string, submission: Submission): Promise<void> {
  const others = (await readFileSubmissions(file)).filter((other) => nameOf(other) !== nameOf(submission));
  await replaceFile(fileSubmissionsPath(file), { submissions: [submission, ...others] });
}

/**
 * Keeps a submission beside its file, and with the folder for its results where there is one. The folder alone will do for a file in a
 * place that cannot be written to.
 */
export async function keepSubmission(
  { file, out }: { file: string; out: string | undefined },
  submission: Submission,
): Promise<void> {
  if (out !== undefined) await keepInFolder(out, submission);
  try {
    await keepBesideFile(file, submission);
  } catch (error) {
    if (out === undefined || !isReadOnly(error)) throw error;
  }
}

/** Whether a disk refused to be written to, for good. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["EACCES", "EPERM", "EROFS"].includes(String(error.code));
}

async function readKept<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    throw new Problem(`${path} says which batch was made, and cannot be read. Check it before you delete it.`, {
      cause: error,
    });
  }
}

/** In one step: a process that dies meanwhile leaves the content of before. */
async function replaceFile(path: string, content: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  await writeFile(part, `${JSON.stringify(content, null, 2)}\n`);
  await rename(part, path);
}

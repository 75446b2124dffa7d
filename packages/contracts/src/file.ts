import { z } from "zod";

/** What a file may be for here: the lines of a batch, or what came of them. */
export const filePurposes = ["batch", "batch_output"] as const;
export type FilePurpose = (typeof filePurposes)[number];

/** What else a file may be for at OpenAI. Here there are none of them, and a list of them is empty. */
export const otherFilePurposes = [
  "assistants",
  "assistants_output",
  "evals",
  "fine-tune",
  "fine-tune-results",
  "user_data",
  "vision",
] as const;
export type ListedFilePurpose = FilePurpose | (typeof otherFilePurposes)[number];

/** A file as OpenAI's Files API shows it. Times are Unix seconds. */
export const fileSchema = z.object({
  id: z.string(),
  object: z.literal("file"),
  bytes: z.int(),
  created_at: z.int(),
  expires_at: z.int().nullable(),
  filename: z.string(),
  /** One of `filePurposes`, or a purpose that only a newer release knows. */
  purpose: z.string(),
  /** Deprecated by OpenAI and read by its clients all the same. */
  status: z.literal("processed"),
});
export type FileObject = z.infer<typeof fileSchema>;

/** OpenAI's limit for the input of a batch: 200 MB. */
export const maxFileBytes = 200 * 1_000_000;

/** When a file is dropped, counted from its creation: an hour to thirty days. OpenAI's form in JSON. */
export const expiresAfterSchema = z.strictObject({
  anchor: z.literal("created_at"),
  seconds: z.int().min(3_600).max(2_592_000),
});

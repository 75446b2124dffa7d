import { createWriteStream, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { batchEndpoint, type ImageRequest } from "@darkroom/contracts";
import { readPrompts } from "./read-prompts.ts";

/** What is uploaded, and where it came from. */
export type BatchInput = {
  /** The JSONL on the disk. */
  path: string;
  /** The name that the service is told. OpenAI takes nothing but `.jsonl`. */
  name: string;
  /** The line of the person's own file that a line of the JSONL was made of, both from 1. */
  sourceLine: (line: number) => Promise<number>;
  /** Removes what was written for it. */
  [Symbol.dispose]: () => void;
};

/** Whether a file has batch lines already. Everything else is text with a prompt a line. */
export const isJsonl = (file: string): boolean => extname(file).toLowerCase() === ".jsonl";

/** A file that is uploaded as it is. */
export function jsonlInput(file: string): BatchInput {
  return { path: file, name: basename(file), sourceLine: async (line) => line, [Symbol.dispose]: () => {} };
}

/**
 * A text file as batch lines, written to a temporary file while it is read. A `custom_id` is the line of the prompt in the text.
 * @param body what every line asks for beside its prompt
 */
export async function promptsInput(file: string, body: Partial<ImageRequest>): Promise<BatchInput> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-batch-"));
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  const path = join(folder, "lines.jsonl");
  try {
    await pipeline(Readable.from(batchLines(file, body)), createWriteStream(path));
  } catch (error) {
    dispose();
    throw error;
  }
  const name = `${basename(file, extname(file))}.jsonl`;
  return { path, name, sourceLine: (line) => lineOfPrompt(file, line), [Symbol.dispose]: dispose };
}

async function* batchLines(file: string, body: Partial<ImageRequest>): AsyncGenerator<string> {
  for await (const { line, prompt } of readPrompts(file)) {
    const custom_id = `line-${String(line).padStart(5, "0")}`;
    yield `${JSON.stringify({ custom_id, method: "POST", url: batchEndpoint, body: { ...body, prompt } })}\n`;
  }
}

async function lineOfPrompt(file: string, number: number): Promise<number> {
  let seen = 0;
  for await (const { line } of readPrompts(file)) if (++seen === number) return line;
  return number;
}

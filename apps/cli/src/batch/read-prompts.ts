import { createReadStream } from "node:fs";
import { Problem } from "../problem.ts";
import { readLines } from "./read-lines.ts";

export type Prompt = {
  /** Its line in the file, from 1. */
  line: number;
  prompt: string;
};

/**
 * The prompts of a text file, one a line. Blank lines and those that begin with `#` are none.
 * @throws {Problem} at a line that is not UTF-8
 */
export async function* readPrompts(file: string): AsyncGenerator<Prompt> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  for await (const bytes of readLines(createReadStream(file))) {
    line++;
    let text: string;
    try {
      // Also drops a byte order mark.
      text = decoder.decode(bytes).trim();
    } catch (error) {
      throw new Problem(`${file}:${line}: this is not UTF-8. Save the file as UTF-8.`, { cause: error });
    }
    if (text !== "" && !text.startsWith("#")) yield { line, prompt: text };
  }
}

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  type BatchFault,
  batchLineSchema,
  checkBody,
  type ImageRequest,
  imageRequestSchema,
  maxBatchLines,
  maxFileBytes,
} from "@darkroom/contracts";
import { readLines } from "./read-lines.ts";

/** `line` counts from 1, and is null where the mistake is the whole file's. */
type Mistake = Pick<BatchFault, "line" | "message">;

/** Lines that cost the same, but for the length of their prompts. */
export type LineGroup = Pick<ImageRequest, "model" | "size" | "quality"> & {
  n: number;
  lines: number;
  /** Of UTF-8. */
  promptBytes: number;
};

export type Look = {
  lines: number;
  sha256: string;
  groups: LineGroup[];
  /** The first of them, by line. */
  mistakes: Mistake[];
  /** All of them. */
  mistakeCount: number;
};

/** More than anybody reads. */
const toldMistakes = 20;
/** Space, tab, carriage return. */
const blanks = new Set([0x20, 0x09, 0x0d]);

/**
 * Reads a batch's lines as the service will, as far as that can be done here: what is no JSON, no request for images, or there twice. What a
 * model takes is the service's business. Nothing of the file is kept but its ids.
 */
export async function lookAtLines(path: string): Promise<Look> {
  const hash = createHash("sha256");
  const groups = new Map<string, LineGroup>();
  const seen = new Map<string, number>();
  const mistakes: Mistake[] = [];
  let mistakeCount = 0;
  let lineNumber = 0;
  let blankLine: number | undefined;
  let lines = 0;
  let bytes = 0;
  let firstModel: string | undefined;
  const blame = (message: string, line: number | null = null) => {
    if (mistakeCount++ < toldMistakes) mistakes.push({ line, message });
  };
  async function* hashed() {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }

  for await (const line of readLines(hashed())) {
    lineNumber++;
    if (line.every((byte) => blanks.has(byte))) {
      blankLine ??= lineNumber;
      continue;
    }
    // At the end they are nothing.
    if (blankLine !== undefined) blame("this line is blank", blankLine);
    blankLine = undefined;
    lines++;
    const read = readLine(line);
    if ("wrong" in read) {
      for (const message of read.wrong) blame(message, lineNumber);
      continue;
    }
    const { custom_id, request } = read;
    const before = seen.get(custom_id);
    if (before !== undefined)
      blame(`the custom_id ${JSON.stringify(custom_id)} stands in line ${before} already`, lineNumber);
    seen.set(custom_id, before ?? lineNumber);
    const model = request.model ?? "";
    firstModel ??= model;
    if (model !== firstModel)
      blame(`a batch has one model: ${model || "none"} after ${firstModel || "none"}`, lineNumber);
    addTo(groups, request);
  }
  if (lines === 0) blame("there is nothing in it to draw");
  if (lines > maxBatchLines) blame(`${lines} lines are more than the ${maxBatchLines} that a batch may have`);
  if (bytes > maxFileBytes) blame(`${bytes} bytes are more than the ${maxFileBytes} that a file may have`);
  return { lines, sha256: hash.digest("hex"), groups: [...groups.values()], mistakes, mistakeCount };
}

/** What a line asks for, or what is wrong with it, in the words of the service. */
function readLine(bytes: Buffer): { custom_id: string; request: ImageRequest } | { wrong: readonly string[] } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { wrong: ["this is not JSON in UTF-8"] };
  }
  const line = checkBody(batchLineSchema, json);
  if (line.faults !== undefined) return { wrong: line.faults.map(({ message }) => message) };
  const request = checkBody(imageRequestSchema, line.value.body);
  if (request.faults !== undefined) return { wrong: request.faults.map(({ message }) => message) };
  if (request.value.stream === true) return { wrong: ["'stream' cannot be used in a batch"] };
  return { custom_id: line.value.custom_id, request: request.value };
}

function addTo(groups: Map<string, LineGroup>, { model, size, quality, n = 1, prompt }: ImageRequest): void {
  const key = JSON.stringify([model, size, quality, n]);
  const group = groups.get(key) ?? { model, size, quality, n, lines: 0, promptBytes: 0 };
  group.lines++;
  group.promptBytes += Buffer.byteLength(prompt);
  groups.set(key, group);
}

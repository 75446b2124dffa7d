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
  openImageRequestSchema,
} from "@darkroom/contracts";
import { readLines } from "./read-lines.ts";

/** `line` counts from 1, and is null where the mistake is the whole file's. */
type Mistake = Pick<BatchFault, "line" | "message">;

/** Lines that cost the same, but for the length of their prompts. */
export type LineGroup = Pick<ImageRequest, "model" | "size" | "quality" | "output_format" | "frame_count" | "svg"> & {
  /** The most images of a line. */
  n: number;
  lines: number;
  /** Of UTF-8. */
  promptBytes: number;
};

export type Look = {
  lines: number;
  sha256: string;
  groups: LineGroup[];
  /** Each name of a model that a line asks for, undefined where one names none, and the first such line. */
  models: ReadonlyMap<string | undefined, number>;
  /** Each field that a request has only where its model declares it, and the first line with it. */
  customFields: ReadonlyMap<string, number>;
  /** The first of them, by line. */
  mistakes: Mistake[];
  /** All of them. */
  mistakeCount: number;
};

/** More than anybody reads. */
const toldMistakes = 20;
const blankLine = /^[ \t\r]*$/;

/**
 * Reads a batch's lines as the service will, as far as that can be done here: what is no JSON, no request for images, or there twice. Which
 * models there are, and what one takes, is the service's business. Nothing of the file is kept but its ids.
 */
export async function lookAtLines(path: string): Promise<Look> {
  const hash = createHash("sha256");
  const groups = new Map<string, LineGroup>();
  const seen = new Map<string, number>();
  const mistakes: Mistake[] = [];
  let mistakeCount = 0;
  let lineNumber = 0;
  let firstBlank: number | undefined;
  let lines = 0;
  let bytes = 0;
  const models = new Map<string | undefined, number>();
  const customFields = new Map<string, number>();
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
    const text = decode(line, lineNumber === 1);
    if (text !== undefined && blankLine.test(text)) {
      firstBlank ??= lineNumber;
      continue;
    }
    // At the end they are nothing.
    if (firstBlank !== undefined) blame("this line is blank", firstBlank);
    firstBlank = undefined;
    lines++;
    const read = readLine(text);
    if ("wrong" in read) {
      for (const message of read.wrong) blame(message, lineNumber);
      continue;
    }
    const { custom_id, request } = read;
    const before = seen.get(custom_id);
    if (before !== undefined)
      blame(`the custom_id ${JSON.stringify(custom_id)} stands in line ${before} already`, lineNumber);
    seen.set(custom_id, before ?? lineNumber);
    if (!models.has(request.model)) models.set(request.model, lineNumber);
    for (const field of Object.keys(request)) {
      const isCustom = !Object.hasOwn(imageRequestSchema.shape, field);
      if (isCustom && !customFields.has(field)) customFields.set(field, lineNumber);
    }
    addTo(groups, request);
  }
  if (lines === 0) blame("there is nothing in it to draw");
  if (lines > maxBatchLines) blame(`${lines} lines are more than the ${maxBatchLines} that a batch may have`);
  if (bytes > maxFileBytes) blame(`${bytes} bytes are more than the ${maxFileBytes} that a file may have`);
  return {
    lines,
    sha256: hash.digest("hex"),
    groups: [...groups.values()],
    models,
    customFields,
    mistakes,
    mistakeCount,
  };
}

/** A line as text; undefined where it is not UTF-8. A byte order mark is none of it at the start of a file, and anywhere else it is. */
function decode(bytes: Buffer, isFirst: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: !isFirst }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What a line asks for, or what is wrong with it, in the words of the service. */
function readLine(
  text: string | undefined,
): { custom_id: string; request: ImageRequest } | { wrong: readonly string[] } {
  const json = text === undefined ? undefined : parseJson(text);
  if (json === undefined) return { wrong: ["this is not JSON in UTF-8"] };
  const line = checkBody(batchLineSchema, json);
  if (line.faults !== undefined) return { wrong: line.faults.map(({ message }) => message) };
  // As it was sent: the schema of the line leaves a key called __proto__ out of its copy.
  const body = Object(json).body;
  const request = checkBody(openImageRequestSchema, body);
  if (request.faults !== undefined) return { wrong: request.faults.map(({ message }) => message) };
  if (request.value.stream === true) return { wrong: ["'stream' cannot be used in a batch"] };
  return { custom_id: line.value.custom_id, request: request.value };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function addTo(groups: Map<string, LineGroup>, request: ImageRequest): void {
  const { model, size, quality, output_format, frame_count, svg, prompt } = request;
  const n = mostImagesOf(request);
  const asked = { model, size, quality, output_format, frame_count, svg, n };
  const key = JSON.stringify(asked);
  const group = groups.get(key) ?? { ...asked, lines: 0, promptBytes: 0 };
  group.lines++;
  group.promptBytes += Buffer.byteLength(prompt);
  groups.set(key, group);
}

/** The longest series that Ark draws, for a line that does not say how long it may be. */
const longestSeries = 15;

const mostImagesOf = (request: ImageRequest): number =>
  request.sequential_image_generation === "auto"
    ? (request.sequential_image_generation_options?.max_images ?? longestSeries)
    : (request.n ?? 1);

import { type Readable, addAbortSignal } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { type BatchFault, formatDollars, maxBatchLines } from "@darkroom/contracts";
import type { CatalogueModel } from "@darkroom/models";
import { createLineCheck, type LineRules } from "./check-line.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { inputFault } from "./input-fault.ts";
import { type InputLine, readLines } from "../read-lines.ts";

/** The limit for the body of a synchronous call. */
const maxLineBytes = 1_048_576;
/** The most faults that are listed. A longer list would not help to correct the file. */
const maxBadLines = 1_000;
/** More than a line has fields. */
const maxFaultsPerLine = 50;
/** White space of any kind. */
const blankLine = /^[ \t\r]*$/;
/** Blank lines together. Any number would do at the end of a file; but 200 MB of them would keep a worker busy for minutes. */
const maxBlankLines = maxBatchLines;
/** How long lines are checked at a stretch, in milliseconds. A line takes 50 µs, or, with a megabyte of mistakes, 20 ms. */
const turnMs = 5;
/** Resolves when the last input that asked has its turn. */
let lastTurn = Promise.resolve();
/**
 * Waits until other work had a turn, and every other input that waits for one. So this process does nothing else for one turn, however many
 * inputs it checks.
 */
const nextTurn = (): Promise<void> => (lastTurn = lastTurn.then(() => setImmediate()));

export type InputCheck = {
  input: Readable;
  rules: LineRules;
  /** What the key may still spend, in micros; null where nothing bounds it. */
  leftMicros: number | null;
  chunks: Pick<ChunkWriter, "add">;
  signal: AbortSignal;
};

/** The result: the faults of the input, or its number of lines and their model. */
export type CheckedInput =
  | { faults: readonly BatchFault[] }
  | { faults?: undefined; model: CatalogueModel; total: number };

/**
 * Reads an input to its end, or until it has too many faults, and gives each line to `chunks` as long as all are valid. Destroys the stream.
 * Throws what the stream throws, and an `AbortError` when the signal is aborted.
 */
export async function checkInput({ input, rules, leftMicros, chunks, signal }: InputCheck): Promise<CheckedInput> {
  const check = createLineCheck(rules);
  const faults: BatchFault[] = [];
  let total = 0;
  let badLines = 0;
  /** Blank lines are ignored at the end of a file, and a fault within it. */
  let blankLines = 0;
  let worstMicros = 0n;

  /** Whether there is room for more. */
  function report(found: readonly BatchFault[]): boolean {
    if (++badLines <= maxBadLines) {
      faults.push(...found.slice(0, maxFaultsPerLine));
      return true;
    }
    const message = `More than ${maxBadLines} lines are wrong. Those after the first ${maxBadLines} were not looked at.`;
    faults.push(inputFault("too_many_errors", message));
    return false;
  }

  async function take(line: InputLine): Promise<boolean> {
    if (++total > maxBatchLines) {
      const message = `This file has more than ${maxBatchLines} lines, which is the most that a batch has. Make several of it.`;
      faults.push(inputFault("too_many_tasks", message));
      return false;
    }
    if ("wrong" in line) return report([unreadable(line)]);
    const { faults: found, prepared } = check.check(line.text, line.number);
    if (prepared === undefined) return report(found);
    if (faults.length > 0) return true;
    worstMicros += BigInt(prepared.worst ?? 0);
    await chunks.add({ index: total - 1, ...prepared });
    return true;
  }

  async function takeBlanksBefore(number: number): Promise<boolean> {
    while (blankLines > 0) {
      if (!(await take({ number: number - blankLines--, text: "" }))) return false;
    }
    return true;
  }

  let turnBeganAtMs = performance.now();
  for await (const line of readLines(addAbortSignal(signal, input), maxLineBytes)) {
    if (performance.now() - turnBeganAtMs >= turnMs) {
      await nextTurn();
      turnBeganAtMs = performance.now();
    }
    // The signal ends the stream only when its next bytes are read.
    signal.throwIfAborted();
    if ("text" in line && blankLine.test(line.text)) {
      if (++blankLines <= maxBlankLines) continue;
      const message = `This file has more than ${maxBlankLines} blank lines together. Leave them out.`;
      faults.push(inputFault("too_many_tasks", message));
      break;
    }
    if (!(await takeBlanksBefore(line.number))) break;
    if (!(await take(line))) break;
  }

  if (faults.length > 0) return { faults };
  const model = check.model();
  if (total === 0 || model === undefined) return { faults: [inputFault("empty_file", "This file has no lines.")] };
  if (leftMicros !== null && worstMicros > leftMicros) {
    const message = `The lines of this file may cost ${formatDollars(worstMicros)} together at their worst case, and this API key has ${formatDollars(Math.max(0, leftMicros))} left to spend.`;
    return { faults: [inputFault("insufficient_quota", message)] };
  }
  return { model, total };
}

function unreadable({ number, wrong }: Extract<InputLine, { wrong: string }>): BatchFault {
  const messages = {
    line_too_long: `This line has more than ${maxLineBytes} bytes.`,
    invalid_encoding: "This line is not valid UTF-8.",
  };
  return inputFault(wrong, messages[wrong], { line: number });
}

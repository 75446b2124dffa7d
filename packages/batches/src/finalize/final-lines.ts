import { batchObjects } from "../records/batch-objects.ts";
import { type BatchRecord } from "../records/batch-record.ts";
import { type LineResult, lineResultSchema } from "../records/line-result.ts";
import { type Logger } from "@darkroom/runtime";
import { preparedLineSchema } from "../records/prepared-line.ts";
import { ObjectNotFoundError } from "@darkroom/storage";
import type { z } from "zod";
import { type PatientReader, RefusedObjectError } from "./patient-reader.ts";

/** What is known of one line of a batch. */
export type FinalLine =
  | { kind: "ended"; index: number; custom_id: string; result: LineResult }
  /** It was never put on the lane, because the batch ran out of time or was canceled. */
  | { kind: "never_ran"; index: number; custom_id: string }
  /** It was put on the lane and its result is missing. That must not happen; if it does, the output says so. */
  | { kind: "lost"; index: number; custom_id: string };

/** The fields that are read of a line that was not run. */
const nameSchema = preparedLineSchema.pick({ index: true, custom_id: true });

export type FinalLinesOptions = {
  batch: BatchRecord;
  /** Reads an object of lines; see `readJsonLines`. Throws a `RefusedObjectError` for one that the store does not give out. */
  reader: Pick<PatientReader, "read">;
  log: Pick<Logger, "error">;
  signal: AbortSignal;
};

/**
 * Yields every line of a batch exactly once, also where stored lines are missing, broken or repeated: first the lines with a result, by the
 * first result of each, then the others by their prepared lines. One stored piece is in memory at a time, and a byte for each line.
 */
export async function* finalLines({ batch, reader, log, signal }: FinalLinesOptions): AsyncGenerator<FinalLine> {
  const { id: batchId, tenant, total, chunks, segments, fed, outcome } = batch;
  const stored = batchObjects(tenant, batchId);
  const seen = new Uint8Array(total);
  /** True once for each index that the batch has. */
  const isNew = (index: number) => index < total && seen[index] === 0 && (seen[index] = 1) === 1;

  async function read<T extends z.ZodType>(key: string, schema: T): Promise<z.output<T>[]> {
    signal.throwIfAborted();
    try {
      const lines = await reader.read(key, schema);
      const whole = lines.filter((line) => line !== null);
      if (whole.length < lines.length)
        log.error({ batchId, key }, "An object of a batch has lines that cannot be read");
      return whole;
    } catch (error) {
      if (error instanceof ObjectNotFoundError) log.error({ batchId, key }, "An object of a batch is missing");
      else if (error instanceof RefusedObjectError)
        log.error({ batchId, key, err: error.cause }, "The store does not give out an object of a batch");
      else throw error;
      return [];
    }
  }

  for (let segment = 0; segment < segments; segment++) {
    for (const result of await read(stored.results(segment), lineResultSchema)) {
      const { index, custom_id } = result;
      if (isNew(index)) yield { kind: "ended", index, custom_id, result };
    }
  }

  let lost = 0;
  function without(index: number, custom_id: string): FinalLine {
    const kind = index >= fed && outcome !== "completed" ? "never_ran" : "lost";
    if (kind === "lost") lost++;
    return { kind, index, custom_id };
  }
  for (const [chunk, first] of chunks.entries()) {
    if (!seen.subarray(first, chunks[chunk + 1] ?? total).includes(0)) continue;
    for (const { index, custom_id } of await read(stored.lines(chunk), nameSchema)) {
      if (isNew(index)) yield without(index, custom_id);
    }
  }
  // The name of such a line is unknown. Its place in the input is known.
  for (let index = 0; index < total; index++) if (isNew(index)) yield without(index, "");

  if (lost > 0) log.error({ batchId, lines: lost }, "Lines of a batch have no result and were reported as failed");
}

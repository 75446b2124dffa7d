import { insistOnStore, ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { z } from "zod";
import { readJsonLines } from "../read-json-lines.ts";

export type PatientReaderOptions = {
  objects: Pick<ObjectStore, "get" | "head">;
  /** A key that may hold nothing, which a store that is well says. */
  absentKey: string;
  /** How long what the store refuses is asked for again, all together, in milliseconds. */
  patienceMs: number;
  signal: AbortSignal;
};

/** The store gave out other objects, and not this one, for as long as it was asked. The cause is its last error. */
export class RefusedObjectError extends Error {
  override readonly name = "RefusedObjectError";
}

/** The store is away: it does not even give out an object that it gave out before. The cause is its error. */
class OutageError extends Error {
  override readonly name = "OutageError";
}

/**
 * Reads the objects of one batch. All of them share the patience, so that a batch with a thousand unreadable objects holds its place no longer
 * than one with a single one. An outage is not waited for here: the error of a store that is away ends the run, and the job's next run
 * begins when the store may be back.
 */
export function createPatientReader({ objects, absentKey, patienceMs, signal }: PatientReaderOptions) {
  let giveUpAtMs: number | null = null;
  /** An object that was read. */
  let readable: string | undefined;

  async function outlastOutage(): Promise<boolean> {
    try {
      if (readable === undefined) await objects.head(absentKey);
      else (await objects.get(readable)).body.destroy();
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw new OutageError("The store is away", { cause: error });
    }
    return false;
  }

  /** Calls again what the store refuses, until the patience is over. Throws the last error, or an `OutageError`. */
  const insist = <T>(call: () => Promise<T>): Promise<T> => {
    const leftMs = giveUpAtMs === null ? patienceMs : giveUpAtMs - performance.now();
    const onRefusal = () => void (giveUpAtMs ??= performance.now() + patienceMs);
    return insistOnStore(call, { patienceMs: leftMs, outlastOutage, onRefusal, signal });
  };

  return {
    /** Calls what has failed before, until it succeeds or the patience is over. Throws the last error, or that of a store that is away. */
    insist: <T>(call: () => Promise<T>): Promise<T> =>
      insist(call).catch((error: unknown) => {
        throw error instanceof OutageError ? error.cause : error;
      }),

    /** As `readJsonLines`. Throws `RefusedObjectError` too. */
    async read<T extends z.ZodType>(key: string, schema: T): Promise<(z.output<T> | null)[]> {
      // Not again and again: that an object is not there is an answer.
      const read = () =>
        readJsonLines(objects, key, schema).catch((error: unknown) => {
          if (error instanceof ObjectNotFoundError) return error;
          throw error;
        });
      const lines = await insist(read).catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof OutageError) throw error.cause;
        throw new RefusedObjectError("The store does not give out an object", { cause: error });
      });
      if (lines instanceof ObjectNotFoundError) throw lines;
      readable = key;
      return lines;
    },
  };
}

export type PatientReader = ReturnType<typeof createPatientReader>;

import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { ObjectStore } from "@darkroom/storage";
import type { z } from "zod";

/**
 * The lines of an object that Darkroom wrote, small enough to be read whole: a chunk of prepared lines or a segment of results. A line that
 * does not match the schema is null. Throws `ObjectNotFoundError`. `node:readline` does not fit, because it takes U+2028 in a prompt for
 * the end of a line.
 */
export async function readJsonLines<T extends z.ZodType>(
  objects: Pick<ObjectStore, "get">,
  key: string,
  schema: T,
): Promise<(z.output<T> | null)[]> {
  return parseJsonLines((await objects.get(key)).body, schema);
}

/** As `readJsonLines`, from an object that is open. Reads it to its end. */
export async function parseJsonLines<T extends z.ZodType>(body: Readable, schema: T): Promise<(z.output<T> | null)[]> {
  const lines = (await text(body)).split("\n").filter((line) => line !== "");
  return lines.map((line) => schema.safeParse(parsed(line)).data ?? null);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

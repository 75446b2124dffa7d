import type { BatchFault } from "@darkroom/contracts";

/** More than anybody reads. */
const shown = 20;

export type Faults = {
  /** What the person calls the file. */
  file: string;
  faults: readonly (Pick<BatchFault, "line" | "message"> & { param?: string | null })[];
  /** How many there are, where not all are given. */
  count?: number | undefined;
  /** The line of the person's own file that a line of the batch was made of. */
  sourceLine?: (line: number) => Promise<number>;
};

/** What is wrong with the lines of a file, a line each, as compilers say it: `prompts.txt:7: …`. */
export async function faultLines({ file, faults, count = faults.length, sourceLine }: Faults): Promise<string> {
  const told: string[] = [];
  for (const { line, message, param } of faults.slice(0, shown)) {
    const place = line === null ? file : `${file}:${(await sourceLine?.(line)) ?? line}`;
    told.push(`${place}: ${message}${param === undefined || param === null ? "" : ` (${param})`}`);
  }
  if (count > told.length) told.push(`… and ${count - told.length} more`);
  return told.join("\n");
}

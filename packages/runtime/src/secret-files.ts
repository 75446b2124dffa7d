import { readFileSync } from "node:fs";
import { z } from "zod";

/**
 * Marks a setting that is a secret, so that it may be in a file: `OPENAI_API_KEY_FILE` then names the file that holds `OPENAI_API_KEY`, as
 * Docker and Kubernetes mount secrets. Call it last on the schema: a wrapper such as `optional()` loses the mark.
 */
export const secretSetting = <S extends z.ZodType>(schema: S): S => schema.meta({ secret: true });

/** The names of a schema's settings that may be in a file. */
export const secretNames = ({ shape }: { shape: Readonly<Record<string, unknown>> }): string[] =>
  Object.entries(shape)
    .filter(([, field]) => field instanceof z.ZodType && field.meta()?.["secret"] === true)
    .map(([name]) => name);

export type SecretFiles = {
  /** By the name of the setting: what its file holds. */
  values: Record<string, string>;
  /** By the name of the setting: why its file cannot be used. No path is repeated, because it may be the secret itself. */
  faults: ReadonlyMap<string, string>;
};

/**
 * Reads the secrets of a schema whose variable `NAME_FILE` is set. One line break at the end of a file is cut, because editors and `echo`
 * write one. An empty file is a fault: it would silently count as a secret that is not set.
 */
export function readSecretFiles(schema: z.ZodObject, set: Readonly<Record<string, string | undefined>>): SecretFiles {
  const values: Record<string, string> = {};
  const faults = new Map<string, string>();
  for (const name of secretNames(schema)) {
    const variable = `${name}_FILE`;
    const path = set[variable];
    if (path === undefined) continue;
    if (set[name] !== undefined) {
      faults.set(name, `${name}: is set, and so is ${variable}; set one of them`);
      continue;
    }
    try {
      const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
      if (value === "") faults.set(name, `${variable}: names an empty file`);
      else values[name] = value;
    } catch (error) {
      faults.set(name, `${variable}: names a file that cannot be read (${systemCode(error)})`);
    }
  }
  return { values, faults };
}

/** `ENOENT`, `EACCES`, `EISDIR`. The message of the error repeats the path. */
const systemCode = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown error";

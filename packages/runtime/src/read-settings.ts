import { z } from "zod";
import { readSecretFiles } from "./secret-files.ts";

/** The environment does not make a usable configuration. One line per variable at fault; values are not repeated, they may be keys. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.faults = faults;
  }
}

/** What a process was started with: `process.env`, or a test's stand-in for it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings from environment variables: the schema's field names are the variables' names. An empty variable counts as not set,
 * as Compose passes those. A `secretSetting` may be in a file that `NAME_FILE` names. Throws one `SettingsError` for all variables at
 * fault together.
 */
export function readSettings<S extends z.ZodObject>(schema: S, environment: Environment): z.output<S> {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const files = readSecretFiles(schema, set);
  const result = schema.safeParse({ ...set, ...files.values });
  if (result.success && files.faults.size === 0) return result.data;
  // What the schema says of a setting whose file is at fault is a consequence of that.
  const issues = (result.error?.issues ?? []).filter(({ path: [name] }) => !files.faults.has(String(name)));
  throw new SettingsError([
    ...files.faults.values(),
    ...issues.map(({ path, code, message }) => {
      const [name = ""] = path.map(String);
      const isMissing = code === "invalid_type" && set[name] === undefined && files.values[name] === undefined;
      return `${name}: ${isMissing ? "is required" : message}`;
    }),
  ]);
}

/** A variable that holds a whole number within limits. One message says all that may be wrong with it. */
export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).refine((n) => Number.isInteger(n) && n >= least && n <= most, { error });
}

/**
 * What `read` returns. When it throws, the process ends with its sentence and code 1: the operator has to correct a
 * setting, and a stack trace would not help.
 */
export function readOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // oxlint-disable-next-line no-console -- there is no logger before its settings are read; the sentence is one of our own
    console.error(error instanceof Error ? error.message : String(error));
    return process.exit(1);
  }
}

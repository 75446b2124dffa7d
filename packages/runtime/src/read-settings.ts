import type { z } from "zod";
import type { Environment } from "./environment.ts";
import { SettingsError } from "./settings-error.ts";

/**
 * Reads settings from environment variables: the schema's field names are the variables' names. An empty variable counts as not set,
 * as Compose passes those. Throws one `SettingsError` for all variables at fault together.
 */
export function readSettings<S extends z.ZodObject>(schema: S, environment: Environment): z.output<S> {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = schema.safeParse(set);
  if (result.success) return result.data;
  throw new SettingsError(
    result.error.issues.map(({ path, code, message }) => {
      const [name = ""] = path.map(String);
      return `${name}: ${code === "invalid_type" && set[name] === undefined ? "is required" : message}`;
    }),
  );
}

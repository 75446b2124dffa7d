import type { z } from "zod";
import type { Path, YamlFile } from "./yaml-file.ts";

/** A catalogue file that cannot be used. Holds every mistake in it, each as `file:line:column: path: reason`. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The model catalogue cannot be used:\n${mistakes.join("\n")}`);
    this.mistakes = mistakes;
  }
}

export type Mistake = {
  path: Path;
  /** What it collides with. Of the two, the one that stands in the operator's own file is the one to change. */
  rival?: Path;
  reason: string;
  /** The key is at fault, not what stands behind it. */
  atKey?: boolean;
};

/** Says in an operator's words what a schema found wrong with the thing that stands at `at`. `show`: how the value at fault is repeated. */
export function explain(
  issue: z.core.$ZodIssue,
  at: Path,
  { atKey = isAboutKey(issue), show = showValue } = {},
): Mistake[] {
  const path = [...at, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], reason: "unknown key", atKey: true }));
  }
  if (issue.code === "invalid_key") {
    const reason = issue.issues[0]?.message ?? issue.message;
    return [{ path, reason: `${reason}, got ${show(path.at(-1))}`, atKey: true }];
  }
  const expectation = issue.message.startsWith("expected") ? issue.message : expectationOf(issue);
  if (issue.code === "custom") return [{ path, reason: expectation, atKey }];
  if (issue.input === undefined) return [{ path, reason: `missing; ${expectation}` }];
  return [{ path, reason: `${expectation}, got ${show(issue.input)}`, atKey }];
}

/** A refinement that objects to a key says so in `params`. */
const isAboutKey = (issue: z.core.$ZodIssue) => issue.code === "custom" && issue.params?.["atKey"] === true;

function expectationOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${issue.expected === "record" || issue.expected === "object" ? "a map" : issue.expected}`;
    case "invalid_value":
      return `expected one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return `expected at least ${issue.minimum}${issue.origin === "array" ? " entries" : ""}`;
    case "too_big":
      return `expected at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** Long values are cut: the place is given, and the reader has the file. */
function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

/** Shows numbers and the like, and of all that may hold a secret only what it is. */
export function showKind(value: unknown): string {
  if (typeof value === "string") return "a text";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a map" : showValue(value);
}

/** Each mistake as `file:line:column: path: reason`, in the order of the file. */
export function tellMistakes(mistakes: readonly Mistake[], file: YamlFile): string[] {
  return mistakes
    .map(({ path, rival, reason, atKey = false }) => {
      const foreign = rival !== undefined && !file.has(path);
      const place = foreign ? file.locate(rival, "key") : file.locate(path, atKey ? "key" : "value");
      return { ...place, path: foreign ? rival : path, reason };
    })
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map(({ path, reason, line, column }) => {
      const what = path.length === 0 ? "" : `${path.map(String).join(".")}: `;
      return `${file.name}:${line}:${column}: ${what}${reason}`;
    });
}

import type { z } from "zod";
import { ApiError, quoteValue, shorten } from "./api-error.ts";

type Issue = z.core.$ZodIssue;

/** More than a request has fields: a longer list would not help to correct it. */
const maxFaults = 50;

/**
 * Checks a request body against its schema and returns the parsed value.
 * Throws `ApiError` `invalid_request_error` for the first fault, naming the parameter, in OpenAI's wording where OpenAI has one.
 */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const checked = check(schema, body, 1);
  if (checked.faults !== undefined) throw checked.faults[0];
  return checked.value;
}

type Checked<T extends z.ZodType> =
  | { value: z.output<T>; faults?: undefined }
  | { faults: readonly [ApiError, ...ApiError[]] };

/** As `parseBody`, with the first fifty faults instead of the first: one for each parameter. */
export const checkBody = <T extends z.ZodType>(schema: T, body: unknown): Checked<T> => check(schema, body, maxFaults);

/**
 * An error costs some fifty times what the check does that finds its issue, so no more of them are made than are told. How many issues
 * there may be is for the schemas to bound: they count entries before they look at them (`boundedEntries`).
 */
function check<T extends z.ZodType>(schema: T, body: unknown, most: number): Checked<T> {
  const result = schema.safeParse(body, { reportInput: true });
  if (result.success) return { value: result.data };
  const [first, ...others] = oneForEachValue(result.error.issues, most).map(
    (issue) => new ApiError("invalid_request_error", describe(issue), { param: paramOf(issue) }),
  );
  if (first === undefined) throw result.error;
  return { faults: [first, ...others] };
}

/**
 * The issues of the first `most` values that have any. Of several issues with one value, the last: zod checks that an integer is a safe
 * one before it checks our own bounds.
 */
function oneForEachValue(issues: readonly Issue[], most: number): Issue[] {
  const found = new Map<string, Issue>();
  for (const issue of issues) {
    const path = issue.path.join(".");
    // The issues of one value stand together.
    if (found.size === most && !found.has(path)) break;
    found.set(path, issue);
  }
  return [...found.values()];
}

function paramOf(issue: Issue): string | undefined {
  const path = [...issue.path];
  if (issue.code === "unrecognized_keys") path.push(issue.keys[0] ?? "");
  if (issue.code === "invalid_key") path.pop();
  return path.length === 0 ? undefined : shorten(path.join("."));
}

function describe(issue: Issue): string {
  const param = paramOf(issue);
  if (param === undefined && issue.code === "custom") return `The body ${issue.message}.`;
  if (param === undefined) return `The body must be a JSON object, but it is ${kindOf(issue.input)}.`;
  const isMissing = issue.input === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value");
  if (isMissing) return `Missing required parameter: '${param}'.`;
  switch (issue.code) {
    case "unrecognized_keys":
      return `Unknown parameter: '${param}'.`;
    case "invalid_type":
      return `Invalid type for '${param}': expected ${article(issue.expected)}, but got ${kindOf(issue.input)} instead.`;
    case "invalid_value":
      return `Invalid value for '${param}': ${quoteValue(issue.input)}. Supported values are: ${issue.values.map(quoteValue).join(", ")}.`;
    case "invalid_key":
      return `Invalid key in '${param}': ${issue.issues.map(({ message }) => message).join(", ")}.`;
    case "too_small":
      if (isEmptiness(issue)) return `Invalid '${param}': it must not be empty.`;
      return `Invalid '${param}': ${String(issue.input)} is below the minimum, which is ${issue.minimum}.`;
    case "too_big":
      if (issue.origin === "string") return `Invalid '${param}': the maximum length is ${issue.maximum} characters.`;
      if (issue.origin === "array") return `Invalid '${param}': it may have at most ${issue.maximum} entries.`;
      return `Invalid '${param}': ${String(issue.input)} is above the maximum, which is ${issue.maximum}.`;
    default:
      return `Invalid '${param}': ${issue.message}.`;
  }
}

const isEmptiness = ({ origin }: { origin: string }) => origin === "string" || origin === "array";

/** A zod kind as a reader of JSON knows it. */
function article(expected: string): string {
  if (expected === "int") return "an integer";
  if (expected === "record") return "an object";
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "an array";
  if (value === Infinity || value === -Infinity) return "a number too large to read";
  if (typeof value === "number" && !Number.isInteger(value)) return "a decimal number";
  return article(typeof value);
}

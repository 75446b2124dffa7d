import { z } from "zod";

/**
 * Whether Redis refused a command for what is stored under its keys, such as a value of another type. It refuses the same command again,
 * whatever the state of the server; all other commands it may take.
 */
export const isDamage = (error: unknown): boolean =>
  error instanceof Error && /^(?:WRONGTYPE|ERR (?:Error running script|user_script))/.test(error.message);

/** A reason is for a person to read. */
const longestReason = 500;

/** Says why something cannot be read, in a sentence or two. Errors of `JSON.parse` quote what they read, which may be a prompt; this does not. */
export function explainError(error: unknown): string {
  const reasons: string[] = [];
  for (let cause = error; cause !== undefined && reasons.length < 5; cause = causeOf(cause)) {
    const reason = explain(cause);
    if (reasons.at(-1) !== reason) reasons.push(reason);
  }
  const text = reasons.join(" ");
  return text.length > longestReason ? `${text.slice(0, longestReason)}…` : text;
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

function explain(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issues = error.issues.map(({ path, code }) => `${path.join(".") || "The value"}: ${code}`);
    return `It does not have the expected form (${issues.join("; ")}).`;
  }
  if (error instanceof SyntaxError) return "It is not JSON.";
  return error instanceof Error ? error.message : "An unknown error.";
}

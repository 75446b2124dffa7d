/** A caller's value in an error message. Long ones are cut: a message is for reading, and a prompt has no business in it. */
export function quoteValue(value: unknown): string {
  // Never made into text: that overflows the stack on a deep one, and trips over a `toString` of the caller's own.
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return `'${shorten(String(value))}'`;
}

/** At most 64 characters of a text, and a sign that there was more. */
export const shorten = (text: string): string => (text.length > 64 ? `${text.slice(0, 64).toWellFormed()}…` : text);

/** A caller's value in an error message. Long ones are cut: a message is for reading, and a prompt has no business in it. */
export function quoteValue(value: unknown): string {
  const text = String(value);
  return `'${text.length > 64 ? `${text.slice(0, 64).toWellFormed()}…` : text}'`;
}

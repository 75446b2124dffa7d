/** A caller's value in an error message. Long ones are cut: a message is for reading, and a prompt has no business in it. */
export const quoteValue = (value: unknown): string => `'${shorten(String(value))}'`;

/** At most 64 characters of a text, and a sign that there was more. */
export const shorten = (text: string): string => (text.length > 64 ? `${text.slice(0, 64).toWellFormed()}…` : text);

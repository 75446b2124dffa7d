/** What ends a line, or moves within one, on some terminal or in some reader of logs. */
const breaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** Control characters, which a terminal obeys (ECMA-48), and the marks and overrides of bidirectional text (UAX #9). */
const unprintable = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** Those of both that JSON leaves as they are. */
const unprintableInJson = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text of others, for a terminal or a log: on one line, and without anything that a terminal obeys. A prompt or an upstream's answer can
 * otherwise set the clipboard, clear the screen, or forge a line.
 */
export const printable = (text: string): string => text.replace(breaks, " ").replace(unprintable, "\ufffd");

/** `printable` for a text of several lines that is ours as a whole. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");

/** JSON with the same values that holds nothing a terminal obeys: what JSON does not escape by itself is escaped. */
export const printableJson = (json: string): string =>
  json.replace(unprintableInJson, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

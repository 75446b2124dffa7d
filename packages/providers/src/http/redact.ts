import { maskKeys, printable } from "@darkroom/contracts";

/** Long enough for any provider's sentence, short enough for a log line. */
const longest = 500;
/** Patterns run out of stack in a word of some megabytes. More than is shown, since what is cut out shortens the text. */
const longestSearched = 64 * 1024;

/** What account names and keys look like in the error texts of OpenAI and its likes. */
const accountWords = /\b(?:sk|rk|pk|ak|org|proj|user|acct)[-_][\w*.…-]{4,}|\bBearer\s+\S+/gi;

/**
 * Makes an upstream's words fit to repeat: cuts out the secrets given (our key, the prompt: some upstreams quote the whole of it)
 * and whatever looks like a key or an account, leaves nothing that a terminal obeys, and shortens the rest to 500 characters.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const masked = maskKeys(cutOut(text, secrets).slice(0, longestSearched)).replace(accountWords, "[…]");
  const clean = printable(masked);
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}

/** Cuts the secrets out and leaves the rest as it is. */
export function cutOut(text: string, secrets: readonly string[]): string {
  let clean = text;
  // A short "secret" would punch holes into ordinary words.
  for (const secret of secrets) if (secret.length >= 8) clean = clean.replaceAll(secret, "[…]");
  return clean;
}

/** `redact` for a word that may be missing: a code, the name of a parameter. An empty one says nothing. */
export const redactWord = (word: string | null | undefined, secrets: readonly string[]): string | undefined =>
  word ? redact(word, secrets) : undefined;

/** What a server calls itself and the machines behind it: URLs, IPv4 addresses, host and port. */
const addresses = /\b[a-z][a-z+.-]*:\/\/\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b[\w-]+(?:\.[\w-]+)*:\d{2,5}\b/gi;

/** Cuts out addresses, for words that tell of an upstream's own trouble. */
export const withoutAddresses = (text: string): string => text.replace(addresses, "[…]");

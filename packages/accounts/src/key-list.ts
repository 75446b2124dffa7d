/** A key list that cannot be used. It has the place and the reason of every mistake, and never the text at that place. */
export class KeyListError extends Error {
  override readonly name = "KeyListError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The list of API keys cannot be used: ${mistakes.join("; ")}`);
    this.mistakes = mistakes;
  }
}

/** A key of the operator's list. Only its hash is known. */
export type StoredKey = {
  /** The tenant whose generations it sees. */
  tenant: string;
  /** What the operator calls it. */
  name: string;
  /** SHA-256 of the key, 64 lower-case hex digits. */
  hash: string;
};

/** A text with keys, and its name in error messages: `API_KEYS`, or the path of a file. */
export type KeySource = { source: string; text: string };

/**
 * Reads `tenant:name:sha256` entries: one a line with `#` comments (a file), or separated by commas (an environment variable).
 * Throws `KeyListError` with every mistake, by line and entry. The error does not repeat the text, which may be a key.
 */
export function parseKeyList(...sources: readonly KeySource[]): StoredKey[] {
  const keys: StoredKey[] = [];
  const mistakes: string[] = [];
  const places = new Map<string, string>();
  for (const { entry, place } of sources.flatMap(entriesOf)) {
    const [tenant = "", name = "", hash = "", ...rest] = entry.split(":").map((part) => part.trim());
    const fault = faultIn(tenant, name, hash, rest.length);
    const sameKey = places.get(hash);
    const sameName = places.get(`${tenant}:${name}`);
    if (fault !== undefined) mistakes.push(`${place}: ${fault}`);
    else if (sameKey !== undefined) mistakes.push(`${place}: the same key as in ${sameKey}`);
    else if (sameName !== undefined) mistakes.push(`${place}: the same tenant and name as in ${sameName}`);
    else {
      places.set(hash, place).set(`${tenant}:${name}`, place);
      keys.push({ tenant, name, hash });
    }
  }
  if (mistakes.length > 0) throw new KeyListError(mistakes);
  return keys;
}

function entriesOf({ source, text }: KeySource): { entry: string; place: string }[] {
  return text.split(/\r?\n/).flatMap((line, lineIndex) =>
    line
      .replace(/#.*/, "")
      .split(",")
      .map((part, index) => ({ entry: part.trim(), place: `${source} line ${lineIndex + 1}, entry ${index + 1}` }))
      .filter(({ entry }) => entry !== ""),
  );
}

const label = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function faultIn(tenant: string, name: string, hash: string, extraParts: number): string | undefined {
  if (hash === "" || extraParts > 0) return "expected tenant:name:hash, three parts with a colon between";
  if (!label.test(tenant)) return "expected a tenant of letters, digits and . _ - within, at most 64 characters";
  if (!label.test(name)) return "expected a name of letters, digits and . _ - within, at most 64 characters";
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    return "expected the SHA-256 of a key as 64 lower-case hex digits (not the key itself)";
  }
  return undefined;
}

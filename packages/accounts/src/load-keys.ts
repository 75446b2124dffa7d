import { readFileSync } from "node:fs";
import { KeyListError, type KeySource, parseKeyList, type StoredKey } from "./key-list.ts";

export type KeyListSettings = {
  /** `API_KEYS`: `tenant:name:sha256`, separated by commas. */
  list?: string | undefined;
  /** `API_KEYS_FILE`: path of a file with one such entry a line. Both may be set; all keys count. */
  file?: string | undefined;
  /** Whether at least one key is required: false where an admin can create keys. Default true. */
  required?: boolean;
  /** SHA-256 of the admin key in hex. It may be no API key as well: it would open `/admin` and be refused everywhere else. */
  adminKeyHash?: string | undefined;
};

const howToMake =
  "set ADMIN_KEY_SHA256 and make keys with it, or make one with `openssl rand -base64 32`, hash it with `printf %s THE_KEY | sha256sum`, and list it as `tenant:name:hash`";

/** The keys that the operator configured. Throws `KeyListError` with every mistake, and when there is no key where one is required. */
export function loadKeys({ list, file, required = true, adminKeyHash }: KeyListSettings): StoredKey[] {
  const sources: KeySource[] = [];
  if (list !== undefined) sources.push({ source: "API_KEYS", text: list });
  if (file !== undefined) sources.push({ source: file, text: textOf(file) });
  const keys = parseKeyList(...sources);
  if (required && keys.length === 0) throw new KeyListError([`it is empty, so no client could call: ${howToMake}`]);
  const shared = keys.filter(({ hash }) => hash === adminKeyHash).map(({ tenant, name }) => `${tenant}:${name}`);
  if (shared.length > 0) {
    throw new KeyListError([
      `${shared.join(", ")} is also the admin key of ADMIN_KEY_SHA256, which draws no images: make another key for one of the two`,
    ]);
  }
  return keys;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KeyListError([`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

import { readFileSync } from "node:fs";
import { KeyListError } from "./key-list-error.ts";
import { type KeySource, parseKeyList, type StoredKey } from "./key-list.ts";

export type KeySettings = {
  /** `API_KEYS`: `tenant:name:sha256`, separated by commas. */
  list?: string | undefined;
  /** `API_KEYS_FILE`: path of a file with one such entry a line. Both may be set; all keys count. */
  file?: string | undefined;
};

/** The keys that the operator configured. Throws `KeyListError` with every mistake, and when there is no key at all. */
export function loadKeys({ list, file }: KeySettings): StoredKey[] {
  const sources: KeySource[] = [];
  if (list !== undefined) sources.push({ source: "API_KEYS", text: list });
  if (file !== undefined) sources.push({ source: file, text: textOf(file) });
  return parseKeyList(...sources);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KeyListError([`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

import type { Readable } from "node:stream";

/** Bytes under keys. Knows nothing of images, generations or tenants. Keys are `/`-separated, `[A-Za-z0-9._/-]`, at most 512. */
export type ObjectStore = {
  /** Writes the whole object or nothing; a second put to the same key replaces it. */
  put(key: string, body: Uint8Array | Readable, options: { contentType: string }): Promise<void>;
  /** Opens an object for reading; throws `ObjectNotFoundError`. The caller reads the stream to its end or destroys it. */
  get(key: string): Promise<StoredObject & { body: Readable }>;
  /** What is known of an object without reading it, or null where there is none. */
  head(key: string): Promise<StoredObject | null>;
  /** Removes objects; a key that holds nothing is not an error. */
  delete(keys: readonly string[]): Promise<void>;
  /** A URL that answers GET without credentials for at least this long. */
  link(key: string, options: { expiresInSeconds: number }): Promise<string>;
  /** A real write, read and delete; throws `StorageError` saying what is wrong with the settings. */
  check(): Promise<void>;
  close(): Promise<void>;
};

export type StoredObject = {
  /** In bytes. */
  size: number;
  contentType: string;
};

import type { Readable } from "node:stream";

/**
 * Bytes under keys. Knows nothing of images, generations or tenants. Keys are `/`-separated, `[A-Za-z0-9._/-]`, at most 512.
 * Whatever fails throws `StorageError`, except where a method says otherwise.
 */
export type ObjectStore = {
  /**
   * Writes the whole object or nothing; a second put to the same key replaces it. A stream is read to its end or destroyed;
   * if it fails, the put throws the stream's own error. When the signal aborts, the put throws its reason as it stands.
   */
  put(key: string, body: Uint8Array | Readable, options: PutOptions): Promise<void>;
  /**
   * Opens an object for reading; throws `ObjectNotFoundError`. The caller reads the stream to its end or destroys it. A stream
   * that breaks half-way emits the network's or the disk's own error.
   *
   * @param from leaves out so many bytes of its beginning, and not all of it. `size` is that of the whole object all the same.
   */
  get(key: string, options?: { from?: number | undefined }): Promise<OpenObject>;
  /** What is known of an object without reading it, or null where there is none. */
  head(key: string): Promise<StoredObject | null>;
  /**
   * Removes any number of objects; a key that holds nothing is not an error. Where some cannot be removed it removes the others, and throws
   * `ObjectsLeftError`, which names those that are left.
   */
  delete(keys: readonly string[]): Promise<void>;
  /**
   * A URL that answers GET without credentials for this long, at most seven days. A link that this service serves itself tells the SHA-256 of the
   * bytes, in hexadecimal, where it is given; S3 keeps that with the object.
   */
  link(key: string, options: { expiresInSeconds: number; sha256?: string | undefined }): Promise<string>;
  /**
   * Answers the path and query of a link that `link` made, for the HTTP service that serves them under `signedLinkPath`. Null
   * where links lead elsewhere (S3).
   */
  openLink: ((pathAndQuery: string) => Promise<SignedLinkAnswer>) | null;
  /** A real write, read and delete; the error says which setting is wrong. Call it once at start. */
  check(): Promise<void>;
  /**
   * The addresses at which anybody can read an object that is private, such as a file or the ledger. None where the store serves its
   * objects by signed links only, and where nothing answers. Writes and removes an object of its own.
   */
  publicAddresses(): Promise<string[]>;
  close(): Promise<void>;
};

type PutOptions = {
  contentType: string;
  /**
   * The most bytes that a stream may turn out to have, where that is more than 50 GB: S3 is then sent larger parts, since it takes
   * 10,000 of them. Each GB more costs 0.4 MB of memory while it is sent.
   */
  expectedBytes?: number | undefined;
  /**
   * How many bytes a stream has, where that is known: S3 then takes it in one request and not in parts. A stream that turns out to have
   * more or fewer fails the put.
   */
  size?: number | undefined;
  /** The SHA-256 of the bytes in hexadecimal, where it is known. S3 checks it, and keeps it with the object as `x-amz-meta-sha256`. */
  sha256?: string | undefined;
  /** Breaks the put off. A server that has all of the bytes by then may still keep the object. */
  signal?: AbortSignal | undefined;
};

export type StoredObject = {
  /** In bytes. */
  size: number;
  contentType: string;
};

export type OpenObject = StoredObject & { body: Readable };

/** What a link that was followed leads to. */
export type SignedLinkAnswer =
  | { status: "ok"; object: OpenObject; sha256: string | undefined }
  /** The link was ours and its time is over. */
  | { status: "expired" }
  /** Not a link of ours, or one that was changed. */
  | { status: "forbidden" }
  /** The link is good but the object has been deleted. */
  | { status: "missing" };

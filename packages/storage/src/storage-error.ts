import type { ObjectStore } from "./object-store.ts";

/** There is no object under the key. */
export class ObjectNotFoundError extends Error {
  override readonly name = "ObjectNotFoundError";
  readonly key: string;

  constructor(key: string, options?: ErrorOptions) {
    super(`There is no object under the key "${key}".`, options);
    this.key = key;
  }
}

export type StorageErrorFacts = {
  operation: Exclude<keyof ObjectStore, "openLink" | "close">;
  /** The key as the caller gave it; absent where no object is concerned. */
  key?: string | undefined;
  /** Whether the same call may succeed later with nothing changed: an outage, not a wrong setting. */
  retryable: boolean;
  /** What is wrong and what to check, as whole sentences. For the log and the operator: it names buckets and folders. */
  advice: string;
  cause?: unknown;
};

/** A fact sheet on why the store could not do its work. A missing object is not one: see `ObjectNotFoundError`. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly operation: StorageErrorFacts["operation"];
  readonly key: string | undefined;
  readonly retryable: boolean;

  constructor({ operation, key, retryable, advice, cause }: StorageErrorFacts) {
    const subject = key === undefined ? "" : ` of "${key}"`;
    super(`The ${operation}${subject} failed. ${advice}`, cause === undefined ? undefined : { cause });
    this.operation = operation;
    this.key = key;
    this.retryable = retryable;
  }
}

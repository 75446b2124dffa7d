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
  /** What is wrong and what to check, as whole sentences. It names settings, and no bucket, folder or key. */
  advice: string;
  /** Where it is wrong and what was answered, for the log: it names buckets and folders. */
  detail?: string | undefined;
  cause?: unknown;
};

/** A fact sheet on why the store could not do its work. A missing object is not one: see `ObjectNotFoundError`. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly operation: StorageErrorFacts["operation"];
  readonly key: string | undefined;
  readonly retryable: boolean;
  readonly advice: string;
  readonly detail: string | undefined;

  constructor({ operation, key, retryable, advice, detail, cause }: StorageErrorFacts) {
    const subject = key === undefined ? "" : ` of "${key}"`;
    const more = detail === undefined ? "" : ` (${detail})`;
    super(`The ${operation}${subject} failed. ${advice}${more}`, cause === undefined ? undefined : { cause });
    this.operation = operation;
    this.key = key;
    this.retryable = retryable;
    this.advice = advice;
    this.detail = detail;
  }
}

/** Some of the objects that were to be removed are still there. The others are gone. */
export class ObjectsLeftError extends StorageError {
  /** The keys that are left, each with what the store answered. Never empty. */
  readonly left: ReadonlyMap<string, StorageError>;

  constructor(left: ReadonlyMap<string, StorageError>) {
    const errors = [...left.values()];
    const [first] = errors;
    if (first === undefined) throw new RangeError("No object is left.");
    const count = left.size === 1 ? "" : `${left.size} objects are left. Of the first: `;
    super({
      operation: "delete",
      key: first.key,
      retryable: errors.some(({ retryable }) => retryable),
      advice: `${count}${first.advice}`,
      detail: first.detail,
      cause: first.cause,
    });
    this.left = left;
  }
}

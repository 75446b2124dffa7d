/** There is no object under the key. */
export class ObjectNotFoundError extends Error {
  override readonly name = "ObjectNotFoundError";
  readonly key: string;

  constructor(key: string, options?: ErrorOptions) {
    super(`There is no object under the key "${key}".`, options);
    this.key = key;
  }
}

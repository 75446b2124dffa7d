export { ObjectNotFoundError } from "./object-not-found-error.ts";
export type { ObjectStore, StoredObject } from "./object-store.ts";

export { createObjectStore } from "./create-object-store.ts";
export { ObjectNotFoundError, ObjectsLeftError, StorageError, type StorageErrorFacts } from "./storage-error.ts";
export type { ObjectStore, OpenObject, SignedLinkAnswer, StoredObject } from "./object-store.ts";
export { signedLinkPath } from "./signed-links.ts";
export { type ObjectStoreSettings, objectStoreSettings, storageEnvSchema } from "./storage-settings.ts";
export { insistOnStore } from "./insist-on-store.ts";
export { traceObjectStore } from "./trace-object-store.ts";

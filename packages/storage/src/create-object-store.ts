import { createFilesystemStore } from "./filesystem/filesystem-store.ts";
import { createMemoryStore } from "./memory/memory-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { createS3Store } from "./s3/s3-store.ts";
import type { ObjectStoreSettings } from "./storage-settings.ts";

/** The store that the settings ask for. Nothing is connected or written yet: `check()` does that. */
export function createObjectStore(settings: ObjectStoreSettings): ObjectStore {
  if (settings.storage === "s3") return createS3Store(settings);
  if (settings.storage === "filesystem") return createFilesystemStore(settings);
  return createMemoryStore(settings);
}

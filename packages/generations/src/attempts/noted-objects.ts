import type { AttemptStore } from "../records/attempt-store.ts";
import type { Delivery } from "../records/delivery.ts";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { Logger } from "@darkroom/runtime";

export type NotedObjectsOptions = {
  attempts: Pick<AttemptStore, "deliveredKeys">;
  /** Removes objects from the object store. */
  dropObjects: (keys: string[]) => Promise<void>;
  log: Logger;
};

/** The objects that one attempt has noted, and may have brought to the object store. */
export function createNotedObjects(
  { attempts, dropObjects, log }: NotedObjectsOptions,
  { id, batchId }: Pick<GenerationRecord, "id" | "batchId">,
  fields: object,
) {
  const keys = new Set<string>();

  return {
    add({ images }: Delivery): void {
      for (const { key } of images) keys.add(key);
    },

    /**
     * Removes those that the record does not name any more: another attempt has delivered in their place, or the record is gone. A record
     * never names a key again that it has ceased to name. Nothing waits for the removal: what stays is removed with the record, which keeps
     * the keys.
     *
     * The record of a batch line is gone as soon as the line is collected. Its results name the objects then, so that all of them stay;
     * the sweep of the batch removes them.
     */
    async dropUnnamed(): Promise<void> {
      try {
        const delivered = await attempts.deliveredKeys(id);
        if (delivered === null && batchId !== null) return;
        const named = new Set(delivered);
        const unnamed = [...keys].filter((key) => !named.has(key));
        if (unnamed.length === 0) return;
        await dropObjects(unnamed);
        log.info({ ...fields, objects: unnamed.length }, "Images that another attempt has replaced were removed");
      } catch (error) {
        log.warn(
          { ...fields, err: error },
          "Images of an attempt that came too late could not be removed; they go with its record",
        );
      }
    },
  };
}

import { text } from "node:stream/consumers";
import { type BatchFault, batchFaultSchema } from "@darkroom/contracts";
import { batchObjects } from "../records/batch-objects.ts";
import { type BatchRecord } from "../records/batch-record.ts";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import { z } from "zod";

type Failed = Pick<BatchRecord, "id" | "tenant" | "errors" | "errorCount">;

/**
 * All that is wrong with the input of a batch, null unless it failed. Its record holds the first of it only, and the store all; what the
 * sweep of an outlived batch has taken is not missed. Throws `StorageError`.
 */
export async function readFaults(
  { id, tenant, errors, errorCount }: Failed,
  objects: Pick<ObjectStore, "get">,
): Promise<readonly BatchFault[] | null> {
  if (errors === null || errors.length >= errorCount) return errors;
  try {
    const { body } = await objects.get(batchObjects(tenant, id).faults);
    return z.array(batchFaultSchema).parse(JSON.parse(await text(body)));
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return errors;
    throw error;
  }
}

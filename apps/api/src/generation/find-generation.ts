import { ApiError, isGenerationId } from "@darkroom/contracts";
import type { GenerationRecord } from "@darkroom/generations";
import type { Queue } from "../open-queue.ts";
import { queueAnswer } from "./queue-answer.ts";

/**
 * Returns the function that reads a tenant's generation by the id in the path. Throws `ApiError`: `expired` for the tenant's own generation
 * that is not kept any more, `not_found` for any other id, so that no tenant learns which ids other tenants have.
 */
export function createFindGeneration({ generations }: Pick<Queue["reads"], "generations">) {
  const begun = new Map<string, ReturnType<typeof generations.read>>();

  /** One read for all who ask in the same turn of the event loop: everybody who follows a generation reads it when it changes. */
  function readOnce(id: string): ReturnType<typeof generations.read> {
    const other = begun.get(id);
    if (other !== undefined) return other;
    const read = generations.read(id);
    begun.set(id, read);
    // Node runs it before the next event: nobody gets what was read before the change that he has heard of.
    process.nextTick(() => begun.delete(id));
    return read;
  }

  return async (tenant: string, id: string): Promise<GenerationRecord> => {
    if (!isGenerationId(id)) throw notFound();
    const record = await queueAnswer(readOnce(id));
    if (record !== null) {
      if (record.tenant !== tenant) throw notFound();
      return record;
    }
    if ((await queueAnswer(generations.readTombstone(id))) === tenant) {
      throw new ApiError("expired", `The generation ${id} has expired: it and its images are no longer kept.`);
    }
    throw notFound();
  };
}

export type FindGeneration = ReturnType<typeof createFindGeneration>;

const notFound = () => new ApiError("not_found", "There is no generation with this id.");

import type { Readable } from "node:stream";
import type { Catalogue } from "@darkroom/models";
import { batchObjects, type BatchRecord, type BatchStore, laneName } from "@darkroom/queue";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import { type CheckedInput, checkInput } from "./check-input.ts";
import { type ChunkWriter, createChunkWriter } from "./chunk-writer.ts";
import { inputFault } from "./input-fault.ts";

export type ValidateBatchDependencies = {
  objects: Pick<ObjectStore, "put" | "head" | "delete">;
  catalogue: Catalogue;
  batches: Pick<BatchStore, "read" | "accept" | "fail">;
  /** The bytes of a batch's input file; null where the file is gone. */
  openInput: (batch: BatchRecord) => Promise<Readable | null>;
  /** Whether the batch's key has a budget, and how many micros are left of it: of the tightest of several. */
  budgetOf: (batch: BatchRecord) => Promise<{ hasBudget: boolean; leftMicros: number | null }>;
  /** Ids of the models that the batch's key may use; null: all. */
  modelsOf: (batch: BatchRecord) => Promise<readonly string[] | null>;
  log: { info(fields: object, sentence: string): void };
};

/**
 * The work of a batch's `validate` job: checks its input line by line and either accepts the batch, its lines prepared in chunks in the
 * object store, or fails it with what is wrong. Safe to run again after any death: a second run overwrites what a first one wrote,
 * and a batch that is not being validated any more is left as it is. Throws when the signal is aborted, and what Redis and the
 * store throw; the batch is then as it was before.
 */
export function createValidateBatch(dependencies: ValidateBatchDependencies) {
  const { objects, catalogue, batches, openInput, budgetOf, modelsOf, log } = dependencies;

  async function check(batch: BatchRecord, chunks: ChunkWriter, signal: AbortSignal): Promise<CheckedInput> {
    const [{ hasBudget, leftMicros }, models] = await Promise.all([budgetOf(batch), modelsOf(batch)]);
    signal.throwIfAborted();
    const input = await openInput(batch).catch((error: unknown) => {
      // Removed since, or lost: another try would find no more.
      if (error instanceof ObjectNotFoundError) return null;
      throw error;
    });
    if (input === null) {
      const message = `The input file '${batch.inputFileId}' is not there any more.`;
      return { faults: [inputFault("not_found", message, { param: "input_file_id" })] };
    }
    return checkInput({ input, rules: { catalogue, models, hasBudget }, leftMicros, chunks, signal });
  }

  /** Whether the batch is what was found, by this run. */
  async function settle(batch: BatchRecord, checked: CheckedInput, chunks: ChunkWriter): Promise<boolean> {
    const facts = { batchId: batch.id, tenant: batch.tenant };
    if (checked.faults !== undefined) {
      log.info({ ...facts, faults: checked.faults.length }, "The input of a batch is wrong");
      return batches.fail(batch.id, checked.faults);
    }
    const { model, total } = checked;
    const lane = laneName(model.provider, "batch");
    log.info({ ...facts, lane, lines: total }, "The input of a batch is right");
    return batches.accept(batch.id, { model: model.id, lane, total, chunks: await chunks.finish() });
  }

  return async (batchId: string, signal: AbortSignal): Promise<void> => {
    const batch = await batches.read(batchId);
    if (batch === null) return;
    const chunks = createChunkWriter(objects, batchObjects(batch.tenant, batch.id).lines);
    if (batch.status === "validating") {
      const checked = await check(batch, chunks, signal).finally(chunks.idle);
      signal.throwIfAborted();
      if ((await settle(batch, checked, chunks)) && checked.faults === undefined) return;
    }
    // Whoever accepts a batch gives it a lane. Without one it was failed or canceled, perhaps while a run was at work that then died,
    // and its chunks are nobody's. They go after the status is set: a twin of this run may have accepted the batch.
    if ((await batches.read(batchId))?.lane === null) await chunks.removeAll();
  };
}

import type { Readable } from "node:stream";
import type { BatchFault } from "@darkroom/contracts";
import { batchObjects } from "../records/batch-objects.ts";
import { type BatchRecord } from "../records/batch-record.ts";
import { type BatchStore } from "../records/batch-store.ts";
import { laneName } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { CatalogueOf } from "../catalogue-of.ts";
import { type CheckedInput, checkInput } from "./check-input.ts";
import { type ChunkWriter, createChunkWriter } from "./chunk-writer.ts";
import { inputFault } from "./input-fault.ts";

export type ValidateBatchDependencies = {
  objects: Pick<ObjectStore, "put" | "head" | "delete">;
  /** The catalogue that a batch was accepted by. */
  catalogueOf: CatalogueOf;
  batches: Pick<BatchStore, "read" | "accept" | "fail" | "cancel">;
  /** The bytes of a batch's input file; null where the file is gone. */
  openInput: (batch: BatchRecord) => Promise<Readable | null>;
  /** What the batch's key may have; null for one that is disabled, expired or deleted: what it began is stopped. */
  accountOf: (batch: BatchRecord) => Promise<BatchAccount | null>;
  log: Pick<Logger, "info">;
};

export type BatchAccount = {
  /** Ids of the models that it may use; null: all. */
  models: readonly string[] | null;
  /** What it has not spent of its budget, in micros, of the tightest of several; null: it has none. What is reserved is not spent. */
  leftMicros: number | null;
};

/** Faults in the record of a batch, in Redis for thirty days. A thousand wrong lines have a megabyte of them: the whole is an object. */
const faultsInRecord = 20;

/**
 * The work of a batch's `validate` job: checks its input line by line and either accepts the batch, its lines prepared in chunks in the
 * object store, or fails it with what is wrong. Safe to run again after any death: a second run overwrites what a first one wrote,
 * and a batch that is not being validated any more is left as it is. Throws when the signal is aborted, and what Redis and the
 * store throw; the batch is then as it was before.
 */
export function createValidateBatch(dependencies: ValidateBatchDependencies) {
  const { objects, catalogueOf, batches, openInput, accountOf, log } = dependencies;

  async function check(
    batch: BatchRecord,
    { models, leftMicros }: BatchAccount,
    chunks: ChunkWriter,
    signal: AbortSignal,
  ): Promise<CheckedInput> {
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
    const rules = { catalogue: await catalogueOf(batch), models, hasBudget: leftMicros !== null };
    return checkInput({ input, rules, leftMicros, chunks, signal });
  }

  async function fail({ id, tenant }: BatchRecord, faults: readonly BatchFault[]): Promise<boolean> {
    if (faults.length > faultsInRecord) {
      const all = Buffer.from(JSON.stringify(faults));
      await objects.put(batchObjects(tenant, id).faults, all, { contentType: "application/json" });
    }
    return batches.fail(id, faults.slice(0, faultsInRecord), faults.length);
  }

  /** Whether the batch is what was found, by this run. */
  async function settle(batch: BatchRecord, checked: CheckedInput, chunks: ChunkWriter): Promise<boolean> {
    const facts = { batchId: batch.id, tenant: batch.tenant };
    if (checked.faults !== undefined) {
      log.info({ ...facts, faults: checked.faults.length }, "The input of a batch is wrong");
      return fail(batch, checked.faults);
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
      const account = await accountOf(batch);
      if (account === null) {
        log.info({ batchId, tenant: batch.tenant, keyId: batch.keyId }, "The key of a batch is no longer in use");
        await batches.cancel(batchId, null);
      } else {
        const checked = await check(batch, account, chunks, signal).finally(chunks.idle);
        signal.throwIfAborted();
        if ((await settle(batch, checked, chunks)) && checked.faults === undefined) return;
      }
    }
    // Accepting a batch gives it a lane. A batch without one was failed or canceled, perhaps while a run was at work that then died,
    // and nothing uses its chunks. They go after the status is set: a second run may have accepted the batch.
    if ((await batches.read(batchId))?.lane === null) await chunks.removeAll();
  };
}

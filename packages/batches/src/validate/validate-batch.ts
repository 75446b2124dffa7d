import type { Readable } from "node:stream";
import { type BatchFault, countOf, derivedUlid } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import { createLineFile } from "../finalize/line-file.ts";
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
  files: Pick<FileStore, "create">;
  /** The catalogue that a batch was accepted by. */
  catalogueOf: CatalogueOf;
  batches: Pick<BatchStore, "read" | "accept" | "fail" | "cancel">;
  /** The bytes of a batch's input file; null where the file is gone. */
  openInput: (batch: BatchRecord) => Promise<Readable | null>;
  /** What the batch's key may use; null for a key that is disabled, expired or deleted, whose batches are stopped. */
  accountOf: (batch: BatchRecord) => Promise<BatchAccount | null>;
  log: Pick<Logger, "info">;
};

const unlimited = { files: null, bytes: null };

/** OpenAI's code for a batch beyond the limit of what is enqueued: clients know by it that the batch may be sent again later. */
const tooManyUnfinished = ({ total, lines, most }: { total: number; lines: number; most: number }): BatchFault =>
  inputFault(
    "token_limit_exceeded",
    `Enqueued line limit reached: this batch has ${countOf(total, "line")}, ${lines} of other batches have not ended, and there may be ${most} together (unfinished_batch_lines). Create it again when some of these batches have ended.`,
  );

export type BatchAccount = {
  /** Ids of the models that it may use; null: all. */
  models: readonly string[] | null;
  /** How much of its tightest budget is not spent, in micros; null: it has none. Reserved money counts as not spent. */
  leftMicros: number | null;
};

/**
 * Faults in the record of a batch, in Redis for thirty days, and in every answer that shows it. A thousand wrong lines have up to 13 MB of
 * them: all of them are a file.
 */
const faultsInRecord = 20;

/**
 * The work of a batch's `validate` job: checks its input line by line, and either accepts the batch and stores its prepared lines in chunks,
 * or fails it with its faults. Safe to repeat after any crash: a second run overwrites what the first wrote, and does not change a batch
 * that is not being validated any more. Throws when the signal is aborted, and the errors of Redis and the store; the batch is then as it
 * was before.
 */
export function createValidateBatch(dependencies: ValidateBatchDependencies) {
  const { objects, files, catalogueOf, batches, openInput, accountOf, log } = dependencies;

  async function check(
    batch: BatchRecord,
    { models, leftMicros }: BatchAccount,
    chunks: ChunkWriter,
    signal: AbortSignal,
  ): Promise<CheckedInput> {
    signal.throwIfAborted();
    const input = await openInput(batch).catch((error: unknown) => {
      // It was removed or lost, so another try would not find it either.
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

  /** Writes all faults to the error file of the batch, a line each. A second run replaces the file of the first. Answers its id. */
  async function writeFaults(batch: BatchRecord, faults: readonly BatchFault[], signal: AbortSignal): Promise<string> {
    const { tenant, outputSeconds: expiresInSeconds } = batch;
    const id = `file-${derivedUlid(batch.id, "error")}`;
    const filename = `${batch.id}_error.jsonl`;
    const file = createLineFile(
      // Nobody pays for it, so it counts with what its tenant holds. It is never refused.
      (body) =>
        files.create({ id, tenant, purpose: "batch_output", filename, body, expiresInSeconds, quota: unlimited }),
      signal,
    );
    try {
      for (const fault of faults) await file.write(JSON.stringify(fault));
      await file.end();
    } catch (reason) {
      await file.abandon(reason);
      throw reason;
    }
    return id;
  }

  async function fail(batch: BatchRecord, faults: readonly BatchFault[], signal: AbortSignal): Promise<boolean> {
    const isMore = faults.length > faultsInRecord;
    const errorFileId = isMore ? await writeFaults(batch, faults, signal) : undefined;
    return batches.fail(batch.id, faults.slice(0, faultsInRecord), { count: faults.length, errorFileId });
  }

  /** Whether the batch is what was found, by this run. */
  async function settle(
    batch: BatchRecord,
    checked: CheckedInput,
    chunks: ChunkWriter,
    signal: AbortSignal,
  ): Promise<boolean> {
    const facts = { batchId: batch.id, tenant: batch.tenant };
    if (checked.faults !== undefined) {
      log.info({ ...facts, faults: checked.faults.length }, "The input of a batch is wrong");
      return fail(batch, checked.faults, signal);
    }
    const { model, total } = checked;
    const lane = laneName(model.provider, "batch");
    log.info({ ...facts, lane, lines: total }, "The input of a batch is right");
    const accepted = { model: model.id, lane, total, chunks: await chunks.finish() };
    const acceptance = await batches.accept(batch.id, accepted);
    if (acceptance.kind !== "no_room") return acceptance.kind === "accepted";
    const { lines } = acceptance;
    log.info(
      { ...facts, lines: total, unfinishedLines: lines },
      "A batch has no room beside the unfinished lines of its tenant",
    );
    await fail(batch, [tooManyUnfinished({ total, lines, most: batch.mostLines ?? 0 })], signal);
    return false;
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
        if ((await settle(batch, checked, chunks, signal)) && checked.faults === undefined) return;
      }
    }
    // An accepted batch has a lane. A batch without one was failed or canceled, perhaps by a run that died after it,
    // and nothing uses its chunks. They go after the status is set: a second run may have accepted the batch.
    if ((await batches.read(batchId))?.lane === null) await chunks.removeAll();
  };
}

import { type Accounts, unspentOf } from "@darkroom/accounts";
import type { FileStore } from "@darkroom/files";
import type { QueueConnection, QueueWorker } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { redisTime } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { Tracer } from "@darkroom/tracing";
import { createCatalogueOf } from "./catalogue-of.ts";
import { createFinalizeBatch, type FinalizeBatchOptions } from "./finalize/finalize-batch.ts";
import { createLaneRound, type LaneRoundOptions } from "./lane-round.ts";
import { createPreparedLines } from "./prepared-lines.ts";
import { type BatchRecoveryOptions, createBatchRecovery } from "./records/batch-recovery.ts";
import type { BatchRecord } from "./records/batch-record.ts";
import { createBatchStore } from "./records/batch-store.ts";
import { type BatchWorkerOptions, createBatchWorker } from "./records/batch-worker.ts";
import { createLineStore } from "./records/line-store.ts";
import { type BatchSweepOptions, createBatchSweep } from "./sweep-batches.ts";
import { createValidateBatch, type ValidateBatchDependencies } from "./validate/validate-batch.ts";

/** The most images that a line can ask for, so that every tenant's turn has room for at least one line. */
const quantum = 10;
/** How many lines a tenant may have on a lane that others fill: enough to keep several workers busy until its turn comes. */
const floor = 50;

export type BatchPartsOptions = Pick<QueueWorker, "lanes" | "generations" | "quarantine"> & {
  accounts: Pick<Accounts, "findAccount" | "keyStore">;
  files: FileStore;
  objects: ObjectStore;
  /** The process's own catalogue, for batches that were accepted without one. */
  catalogue: Catalogue;
  /** Whether the images of lines are removed with their batch. Else a rule of the bucket does that. True by default. */
  removeImages?: boolean;
  tracer?: Tracer | undefined;
  log: Logger;
};

/** What the parts share. */
type Parts =
  | "redis"
  | "keys"
  | "lanes"
  | "generations"
  | "batches"
  | "lines"
  | "files"
  | "objects"
  | "catalogueOf"
  | "openInput"
  | "accountOf"
  | "prepared"
  | "quantum"
  | "floor"
  | "now"
  | "quarantine"
  | "log";

/** What a part needs beside that. A test may replace what they share. */
type Own<Options> = Omit<Options, Parts> & Partial<Options>;

/** The parts that carry batches out, on a connection that is open. */
export function createBatchParts({ redis, keys }: QueueConnection, options: BatchPartsOptions) {
  const { lanes, objects, files, log } = options;
  const { findAccount, keyStore } = options.accounts;
  const batches = createBatchStore(redis, keys);
  const lines = createLineStore({ redis, keys, lanes, tracer: options.tracer, log });
  const catalogueOf = createCatalogueOf({ batches, own: options.catalogue, log });
  const parts = { ...options, redis, keys, batches, lines, catalogueOf };

  async function openInput({ inputFileId }: BatchRecord) {
    const file = await files.read(inputFileId);
    return file === null ? null : ((await files.open(file))?.body ?? null);
  }

  /** What the key of a batch may use. */
  async function accountOf({ keyId }: BatchRecord) {
    const account = await findAccount(keyId);
    if (account === null) return null;
    const leftMicros = unspentOf(account.budget, await keyStore.readUsage(keyId));
    return { models: account.models, leftMicros };
  }

  return {
    batches,
    lines,
    validate: (own: Own<ValidateBatchDependencies> = {}) =>
      createValidateBatch({ ...parts, openInput, accountOf, ...own }),
    /** The rounds of one lane: see `createLaneRound`. */
    laneRound: (own: Own<LaneRoundOptions>) =>
      createLaneRound({
        ...parts,
        prepared: createPreparedLines(objects),
        accountOf: findAccount,
        quantum,
        floor,
        now: () => redisTime(redis),
        ...own,
      }),
    finalize: (own: Own<FinalizeBatchOptions> = {}) => createFinalizeBatch({ ...parts, ...own }),
    /** Works off the lanes of tasks: see `batch-task.ts`. */
    workTasks: (own: Own<BatchWorkerOptions>) => createBatchWorker({ ...parts, ...own }),
    recover: (own: Own<BatchRecoveryOptions> = {}) => createBatchRecovery({ ...parts, ...own }),
    sweep: (own: Own<BatchSweepOptions> = {}) => createBatchSweep({ ...parts, ...own }),
  };
}

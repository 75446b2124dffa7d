import { createAccounts } from "@darkroom/accounts";
import { createFileStore } from "@darkroom/files";
import { createWorker } from "@darkroom/generations";
import { loadCatalogue } from "@darkroom/models";
import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import type { Logger } from "@darkroom/runtime";
import { onTestFinished } from "vitest";
import { type BatchPartsOptions, createBatchParts } from "./batch-parts.ts";
import { openRedis } from "./open-redis.fixture.ts";

const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const catalogue = loadCatalogue();

export const memoryStore = (): ObjectStore => createObjectStore({ storage: "memory", links });
export const filesystemStore = (directory: string): ObjectStore =>
  createObjectStore({ storage: "filesystem", directory, links });

type Queue = ReturnType<typeof openRedis> & Pick<BatchPartsOptions, "lanes" | "generations" | "quarantine">;

/** The parts of batches as a worker puts them together, on a queue that is open. */
export function batchPartsOn(
  { prefix, redis, keys, lanes, generations, quarantine }: Queue,
  { objects = memoryStore(), log = silent }: { objects?: ObjectStore; log?: Logger } = {},
) {
  const accounts = createAccounts({ redis, prefix });
  const files = createFileStore({ redis, prefix, objects, log });
  const own = { lanes, generations, quarantine, accounts, files, objects, catalogue, log };
  return { objects, files, log, ...createBatchParts({ redis, keys }, own) };
}

/** The parts of batches and a queue on a real Redis, under a prefix of their own, with no worker but the test. */
export function openBatchParts(options: { objects?: ObjectStore; log?: Logger } = {}) {
  const connected = openRedis();
  const { generations, attempts, lanes, quarantine } = createWorker(connected, {
    retention,
    dropObjects: async () => {},
    log: options.log ?? silent,
  });
  onTestFinished(() => lanes.close());
  const queue = { ...connected, generations, attempts, lanes, quarantine };
  return { ...queue, ...batchPartsOn(queue, options) };
}

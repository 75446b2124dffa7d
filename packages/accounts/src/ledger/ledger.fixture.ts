import { randomBytes } from "node:crypto";
import { endings, type LedgerEntry } from "@darkroom/contracts";
import { connectWorker, createKeys, createQuarantine } from "@darkroom/redis";
import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import { testRedisUrl } from "@darkroom/testing";
import * as fc from "fast-check";
import type { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import type { DayUsage } from "./count-usage.ts";
import { createLedger, type LedgerOptions } from "./create-ledger.ts";
import { createLedgerKeys } from "./ledger-keys.ts";
import type { LedgerObjects } from "./ledger-segments.ts";

export const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };

/** A day that is over, by any clock. */
export const pastDay = "2026-01-31";

export const memoryStore = (): ObjectStore => createObjectStore({ storage: "memory", links });

export type OpenLedgerOptions = Partial<Pick<LedgerOptions, "segmentEntries" | "maxAgeMs">> & { objects?: ObjectStore };

/** A ledger on a real Redis under a prefix of its own, with objects in memory; taken down after the test. */
export async function openLedger(options: OpenLedgerOptions = {}) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const keys = createLedgerKeys(prefix);
  const redis = connectWorker(testRedisUrl(), () => {});
  const objects = options.objects ?? memoryStore();
  const warnings: string[] = [];

  const clear = async () => {
    const left = await redis.keys(`${prefix}:*`);
    if (left.length > 0) await redis.del(...left);
  };
  onTestFinished(async () => {
    await clear();
    redis.disconnect();
  });
  const log = { error() {}, warn() {} };
  const quarantine = createQuarantine({ redis, keys: createKeys(prefix), log });
  /** A ledger of another process: on the same Redis, and if wanted with a store that misbehaves. */
  const beside = (over: Partial<LedgerOptions> = {}) =>
    createLedger({
      redis,
      prefix,
      objects,
      quarantine,
      log: { warn: (_, sentence) => void warnings.push(sentence) },
      ...options,
      ...over,
    });
  const ledger = beside();

  return {
    prefix,
    redis,
    keys,
    objects,
    warnings,
    quarantine,
    beside,
    ledger,

    /** Ends generations, as the ending's script does: entry and sums in one step. */
    end: async (day: string, ...entries: LedgerEntry[]) => {
      await writeEntries(redis, prefix, day, entries);
      return entries;
    },

    /** Redis loses all data. */
    loseRedis: clear,

    /** Copies all data of Redis. The returned function restores it, as a restart from an old snapshot does. */
    snapshotRedis: async () => {
      const names = await redis.keys(`${prefix}:*`);
      const values = await Promise.all(names.map((name) => redis.dumpBuffer(name)));
      return async () => {
        await clear();
        for (const [index, name] of names.entries()) await redis.restore(name, 0, values[index] ?? "");
      };
    },

    /** Ids of the entries of a day, as the ledger tells them. */
    ids: async (day = pastDay): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { id } of ledger.read(day)) ids.push(id);
      return ids;
    },

    /** The lines of each segment in the store. */
    segments: async (day = pastDay): Promise<string[][]> => {
      const found: string[][] = [];
      for (let offset = 0; ;) {
        const key = `_ledger/${day}/${String(offset).padStart(10, "0")}.jsonl`;
        if ((await objects.head(key)) === null) return found;
        const lines = (await readText(objects, key)).trimEnd().split("\n");
        found.push(lines);
        offset += lines.length;
      }
    },

    /** What Redis holds as the usage of a day. */
    usage: async (day = pastDay): Promise<DayUsage> => {
      const usage: DayUsage = new Map();
      for (const tenant of await redis.smembers(keys.usageTenants(day))) {
        const sums = await redis.hgetall(keys.usage(day, tenant));
        usage.set(tenant, new Map(Object.entries(sums).map(([field, sum]) => [field, Number(sum)])));
      }
      return usage;
    },
  };
}

/** Writes entries and their sums in one step, as the script that ends a generation does. */
async function writeEntries(redis: Redis, prefix: string, day: string, entries: readonly LedgerEntry[]) {
  const keys = createLedgerKeys(prefix);
  const writing = redis.multi();
  writing.sadd(keys.days, day);
  for (const entry of entries) {
    writing.rpush(keys.entries(day), JSON.stringify(entry));
    writing.sadd(keys.usageTenants(day), entry.tenant);
    const add = (measure: string, count: number) => {
      if (count > 0) writing.hincrby(keys.usage(day, entry.tenant), `${entry.key_id} ${entry.model} ${measure}`, count);
    };
    add(entry.status, 1);
    add("images", entry.images);
    add("input_tokens", entry.input_tokens);
    add("output_tokens", entry.output_tokens);
    add("cost", entry.cost ?? 0);
    add("unbilled", entry.unbilled);
    add("provider_cost", entry.provider_cost ?? 0);
    if (entry.cost === null) add("unpriced", 1);
    if (entry.provider_cost === null) add("provider_cost_unknown", 1);
  }
  await writing.exec();
}

async function readText(objects: LedgerObjects, key: string): Promise<string> {
  return (await (await objects.get(key)).body.toArray()).join("");
}

let made = 0;

/** An entry with a new id: a success of two images. */
export function newEntry(over: Partial<LedgerEntry> = {}): LedgerEntry {
  made++;
  return {
    id: `gen_${made}:2`,
    generation: `gen_${made}`,
    status: "succeeded",
    tenant: "acme",
    key_id: "key_a",
    model: "gpt-image-1",
    provider: "openai",
    images: 2,
    input_tokens: 10,
    output_tokens: 1_000,
    cost: 80_000,
    unbilled: 0,
    provider_cost: null,
    created_at_ms: Date.now() - 1_000,
    ended_at_ms: Date.now(),
    ...over,
  };
}

export const newEntries = (count: number): LedgerEntry[] => Array.from({ length: count }, () => newEntry());

const price = fc.option(fc.integer({ min: 0, max: 1_000_000_000 }));

/** Entries of some tenants, keys and models, of every ending. */
export const anyEntries = fc
  .array(
    fc.record({
      status: fc.constantFrom(...endings),
      tenant: fc.constantFrom("acme", "b-2", "c.d"),
      key_id: fc.constantFrom("key_a", "key_b"),
      model: fc.constantFrom("gpt-image-1", "dall-e-3"),
      images: fc.integer({ min: 0, max: 10 }),
      input_tokens: fc.integer({ min: 0, max: 100_000 }),
      output_tokens: fc.integer({ min: 0, max: 100_000 }),
      cost: price,
      provider_cost: price,
    }),
    { maxLength: 40 },
  )
  .map((entries) => entries.map((entry) => newEntry(entry)));

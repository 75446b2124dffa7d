import { noBudget, noLimits } from "@darkroom/contracts";
import type { Account } from "../account.ts";
import { keyIdOf } from "../api-key.ts";
import type { StoredKey } from "../key-list.ts";
import type { KeyRecord } from "./key-record.ts";

/** The account of a secret, and until when the secret is accepted. */
type Entry = { account: Account; digest: Buffer; untilMs: number };

/** The keys in force that a process holds in memory, found by the hash of their secret. */
export function createKnownKeys(listed: readonly StoredKey[]) {
  const listedByHash = new Map(listed.map(({ hash, tenant, name }) => [hash, entryOfListed(hash, tenant, name)]));
  const listedById = new Map(Array.from(listedByHash.values(), (entry) => [entry.account.keyId, entry]));
  const byHash = new Map<string, Entry>();
  const byId = new Map<string, { hashes: string[]; current: Entry }>();

  function drop(keyId: string): void {
    for (const hash of byId.get(keyId)?.hashes ?? []) byHash.delete(hash);
    byId.delete(keyId);
  }

  function put(record: KeyRecord): void {
    drop(record.keyId);
    if (record.status === "disabled") return;
    const { hash, previous } = record;
    const account = accountOf(record);
    const endMs = record.expiresAtMs ?? Infinity;
    const current = { account, digest: Buffer.from(hash, "hex"), untilMs: endMs };
    byHash.set(hash, current);
    byId.set(record.keyId, { current, hashes: previous === null ? [hash] : [hash, previous.hash] });
    if (previous === null) return;
    const digest = Buffer.from(previous.hash, "hex");
    byHash.set(previous.hash, { account, digest, untilMs: Math.min(endMs, previous.untilMs) });
  }

  return {
    /** The account of the secret with this hash. The caller checks whether it has expired. */
    withHash: (hash: string): Entry | undefined => listedByHash.get(hash) ?? byHash.get(hash),
    /** The same, by the id of the key. */
    withId: (keyId: string): Entry | undefined => listedById.get(keyId) ?? byId.get(keyId)?.current,
    put,
    drop,
    /** Drops all keys that are not listed, and takes these in. */
    replaceAll(records: readonly KeyRecord[]): void {
      byHash.clear();
      byId.clear();
      for (const record of records) put(record);
    },
  };
}

function entryOfListed(hash: string, tenant: string, name: string): Entry {
  const free = { models: null, limits: noLimits, budget: noBudget, keepAlive: false };
  const account = { tenant, keyId: keyIdOf(hash), name, ...free };
  return { account, digest: Buffer.from(hash, "hex"), untilMs: Infinity };
}

const accountOf = ({ tenant, keyId, name, models, limits, budget, keepAlive }: KeyRecord): Account => ({
  tenant,
  keyId,
  name,
  models,
  limits,
  budget,
  keepAlive,
});

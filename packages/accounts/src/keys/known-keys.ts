import { noBudget, noLimits } from "@darkroom/contracts";
import type { Account } from "../account.ts";
import { keyIdOf } from "../api-key.ts";
import type { StoredKey } from "../key-list.ts";
import type { KeyRecord } from "./key-record.ts";

/** What one secret opens, and until when. */
type Entry = { account: Account; digest: Buffer; untilMs: number };

/** The keys that a process holds in memory, found by the hash of their secret. */
export function createKnownKeys(listed: readonly StoredKey[]) {
  const listedByHash = new Map(listed.map(({ hash, tenant, name }) => [hash, entryOfListed(hash, tenant, name)]));
  const listedById = new Map(Array.from(listedByHash.values(), ({ account }) => [account.keyId, account]));
  const byHash = new Map<string, Entry>();
  const byId = new Map<string, { account: Account; hashes: string[] }>();

  function drop(keyId: string): void {
    for (const hash of byId.get(keyId)?.hashes ?? []) byHash.delete(hash);
    byId.delete(keyId);
  }

  function put(record: KeyRecord): void {
    drop(record.keyId);
    const entries = entriesOf(record);
    byId.set(record.keyId, { account: accountOf(record), hashes: entries.map(([hash]) => hash) });
    for (const [hash, entry] of entries) byHash.set(hash, entry);
  }

  return {
    /** What the secret of this hash opens. Whether its time is over is for the caller to look at. */
    withHash: (hash: string): Entry | undefined => listedByHash.get(hash) ?? byHash.get(hash),
    withId: (keyId: string): Account | undefined => listedById.get(keyId) ?? byId.get(keyId)?.account,
    put,
    drop,
    /** Forgets all but the listed ones and knows these instead. */
    replaceAll(records: readonly KeyRecord[]): void {
      byHash.clear();
      byId.clear();
      for (const record of records) put(record);
    },
  };
}

function entryOfListed(hash: string, tenant: string, name: string): Entry {
  const account = { tenant, keyId: keyIdOf(hash), name, models: null, limits: noLimits, budget: noBudget };
  return { account, digest: Buffer.from(hash, "hex"), untilMs: Infinity };
}

const accountOf = ({ tenant, keyId, name, models, limits, budget }: KeyRecord): Account => ({
  tenant,
  keyId,
  name,
  models,
  limits,
  budget,
});

function entriesOf(record: KeyRecord): [hash: string, entry: Entry][] {
  if (record.status === "disabled") return [];
  const account = accountOf(record);
  const endMs = record.expiresAtMs ?? Infinity;
  const entry = (hash: string, untilMs: number): [string, Entry] => [
    hash,
    { account, digest: Buffer.from(hash, "hex"), untilMs },
  ];
  const { hash, previous } = record;
  return previous === null
    ? [entry(hash, endMs)]
    : [entry(hash, endMs), entry(previous.hash, Math.min(endMs, previous.untilMs))];
}

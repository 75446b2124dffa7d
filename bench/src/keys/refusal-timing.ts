import { randomInt } from "node:crypto";
import { createAccounts, hashApiKey, newApiKey } from "@darkroom/accounts";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import type { Row, Scenario } from "../wait/scenario.ts";
import { compareTimes } from "./compare-times.ts";

const keysInForce = 1_000;

/** Calls that are not counted, so that the code is compiled by then. */
const warmUp = 20_000;

export const refusalTiming: Scenario = {
  number: 1,
  title: "How long a key takes to be known or refused",
  async run({ quick, tell }) {
    const server = await startRedis({ persist: false });
    const redis = new Redis(server.url);
    const keys = Array.from({ length: keysInForce }, newApiKey);
    const staticKeys = keys.map((key, i) => ({ tenant: "acme", name: `key-${i}`, hash: hashApiKey(key) }));
    const log = { info() {}, warn() {} };
    const keyring = await createAccounts({ redis, prefix: "darkroom" }).openKeyring({ staticKeys, log });
    try {
      tell("Asking for right and wrong keys in random order");
      return measure((header) => keyring.authenticate(header), keys, quick ? 20_000 : 400_000);
    } finally {
      await keyring.close();
      redis.disconnect();
      await server.stop();
    }
  },
};

/** A right key with its last characters changed: it is wrong, and a comparison that stops early would take longest over it. */
const nearly = (key: string): string => `${key.slice(0, -4)}${newApiKey().slice(-4)}`;

/** A header as a request brings it: new, and in one piece. How an older one lies in memory is more than what is looked for. */
const asReceived = (key: string): string => Buffer.from(`Bearer ${key}`).toString();

function measure(authenticate: (header: string) => unknown, keys: readonly string[], calls: number): Row[] {
  const kinds = [
    { name: "right", sent: keys },
    { name: "wrong, nearly right", sent: keys.map(nearly) },
    // Put together like the nearly right ones: how a text was made is seen in the nanoseconds after it is read.
    { name: "wrong", sent: keys.map(() => nearly(newApiKey())) },
    // The same again: what two equal things differ by is the noise.
    { name: "wrong, too", sent: keys.map(() => nearly(newApiKey())) },
  ].map(({ name, sent }) => ({ name, sent, times: [] as number[] }));
  for (let call = -warmUp; call < calls; call++) {
    const kind = pick(kinds);
    const header = asReceived(pick(kind.sent));
    const startedAt = process.hrtime.bigint();
    try {
      authenticate(header);
    } catch {
      // Refused, as most are.
    }
    const tookNs = Number(process.hrtime.bigint() - startedAt);
    if (call >= 0) kind.times.push(tookNs);
  }
  const wrong = kinds.find(({ name }) => name === "wrong")?.times ?? [];
  return Array.from(kinds, ({ name, times }) => ({ key: name, calls: times.length, ...compareTimes(times, wrong) }));
}

function pick<T>(list: readonly T[]): T {
  const found = list[randomInt(list.length)];
  if (found === undefined) throw new Error("There is nothing to pick from");
  return found;
}

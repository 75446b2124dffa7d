import { randomUUID } from "node:crypto";
import type { ObjectStore } from "../object-store.ts";

/** An answer takes milliseconds. A CDN that this machine does not reach must not hold up a start for longer. */
const answerWithinMs = 3_000;

export type PublicAddressesOptions = {
  files: Pick<ObjectStore, "put" | "delete">;
  /** The unsigned addresses under which an object could be read: in the bucket, and by way of a CDN. */
  addressesOf: (key: string) => Promise<string[]>;
};

/**
 * Writes an object as private as the ledger and the files of tenants are, asks for it without credentials, and removes it. Answers the
 * addresses, without the object's key, at which anybody can read it.
 */
export async function findPublicAddresses({ files, addressesOf }: PublicAddressesOptions): Promise<string[]> {
  const key = `darkroom-check/${randomUUID()}`;
  await files.put(key, Buffer.from(key), { contentType: "text/plain" });
  try {
    const addresses = await addressesOf(key);
    const answers = await Promise.all(addresses.map((address) => answersWith(address, key)));
    return addresses.filter((_, i) => answers[i]).map((address) => address.slice(0, -key.length));
  } finally {
    await files.delete([key]);
  }
}

/** Whether an address answers with this text. A page that says that there is nothing is often a 200, too. */
async function answersWith(address: string, expected: string): Promise<boolean> {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(answerWithinMs) });
    if (answer.status === 200) return (await answer.text()) === expected;
    await answer.body?.cancel();
    return false;
  } catch {
    // Not to be reached from here, which says nothing.
    return false;
  }
}

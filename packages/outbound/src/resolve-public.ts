import type { LookupAddress } from "node:dns";
import { OutboundError } from "./outbound-error.ts";
import { addressOf, isPublicAddress } from "./public-address.ts";
import { nameError, type ResolveName } from "./resolve-name.ts";

/** Throws `OutboundError` where the host is an address that is not public, or a name that means this machine (RFC 6761 §6.3). */
export function assertPublicHost(hostname: string): void {
  const address = addressOf(hostname);
  const local = address === undefined ? /(^|\.)localhost\.?$/i.test(hostname) : !isPublicAddress(address);
  if (!local) return;
  throw new OutboundError(
    "PRIVATE_ADDRESS",
    `${address ?? hostname} is not a public address. Use a host that the public internet can reach.`,
  );
}

/**
 * The addresses of a host, every one of them public: `OutboundError` if a single one is not, since the connection would be free to
 * take that one.
 */
export async function resolvePublic(hostname: string, resolve: ResolveName): Promise<LookupAddress[]> {
  assertPublicHost(hostname);
  const addresses = await resolve(hostname).catch((error: unknown) => {
    throw error instanceof OutboundError ? error : nameError(hostname, [error]);
  });
  if (addresses.length === 0) throw nameError(hostname, []);
  const bad = addresses.find(({ address }) => !isPublicAddress(address));
  if (bad === undefined) return addresses;
  const detail = `${hostname} resolves to ${bad.address}, which is not public`;
  throw OutboundError.ofName("PRIVATE_ADDRESS", hostname, { detail });
}

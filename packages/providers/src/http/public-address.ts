import { lookup as systemLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * True for an address of the public internet alone. Loopback, private, link-local (cloud metadata), multicast, unique-local,
 * carrier-grade NAT, and every IPv6 form that wraps an IPv4 address (mapped, 6to4, Teredo, NAT64) are other ranges to ipaddr.js.
 */
const isPublicAddress = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.parse(address).range() === "unicast";

/** A name or an address that an image must not be fetched from. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "PRIVATE_ADDRESS";
}

/** Throws `PrivateAddressError` where the URL's host is an address, written out, that is not public. */
export function assertPublicHost(url: URL): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (ipaddr.isValid(host) && !isPublicAddress(host)) throw new PrivateAddressError(`${host} is not a public address`);
}

/** As much of `dns.lookup` as is used. */
export type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A `lookup` for sockets that resolves a name once, refuses it if any of its addresses is not public, and hands the socket exactly
 * the addresses that were checked: a name that answers differently the second time (DNS rebinding) has no second time.
 */
export function publicLookup(lookup: Resolve = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const [first] = addresses;
      if (first === undefined) return callback(new PrivateAddressError(`${hostname} has no address`), "", 0);
      const bad = addresses.find(({ address }) => !isPublicAddress(address));
      if (bad !== undefined) {
        return callback(new PrivateAddressError(`${hostname} resolves to ${bad.address}, which is not public`), "", 0);
      }
      if (options.all === true) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

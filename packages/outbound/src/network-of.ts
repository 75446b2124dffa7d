import ipaddr from "ipaddr.js";

/** The bits of an IPv6 address that name a network: its owner has all addresses below them. */
const networkBits = 64;

/**
 * The owner of an address, as far as the address tells: itself for IPv4, in whichever form it is written, and its /64 for IPv6. Everything that is
 * limited or counted by address uses it, because one machine with IPv6 has 2^64 addresses. A text that is no address is its own network.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  // An IPv4 address that an IPv6 socket accepts comes as ::ffff:1.2.3.4.
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString()}/${networkBits}`).toString()}/${networkBits}`;
}

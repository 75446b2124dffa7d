import ipaddr from "ipaddr.js";

/** All of IPv6 that is given out as public today (https://www.iana.org/assignments/ipv6-address-space); the rest wraps or is reserved. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** Public by its number, but inside every Azure machine it is the platform's own service, which hands out its keys. */
const azurePlatform = "168.63.129.16";

/**
 * True for an address, written out, of the public internet alone. Not loopback, private, link-local (cloud metadata), unique-local,
 * carrier-grade NAT, multicast, broadcast or reserved, nor an IPv6 form that wraps an IPv4 address (mapped, compatible, NAT64, 6to4,
 * Teredo): what such a one leads to is decided by a router, not by us.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  // ipaddr.js calls everything unicast that it has no name for, the IPv4-compatible ::a.b.c.d among it.
  if (address instanceof ipaddr.IPv6 && !address.match(globalUnicast)) return false;
  return address.range() === "unicast" && address.toString() !== azurePlatform;
}

/** The address that a URL's host is, without the brackets of IPv6; undefined where it is a name. */
export function addressOf(hostname: string): string | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return ipaddr.isValid(host) ? host : undefined;
}

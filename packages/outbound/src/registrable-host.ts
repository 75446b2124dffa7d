import ipaddr from "ipaddr.js";
import { getDomain } from "tldts";
import { addressOf } from "./public-address.ts";

/** The bits of an IPv6 address that name a network: its owner has all addresses below them. */
const networkBits = 64;

/**
 * What all hosts of one owner have in common, so that a limit by host is not evaded with another name or port: the registrable domain
 * of a name (`a.b.example.co.uk` → `example.co.uk`, by the Public Suffix List with its private part, so that customers of one hosting
 * service are told apart), an IPv4 address as it is, the /64 of an IPv6 address. A name without a registrable domain (`localhost`, a
 * public suffix itself) is its own.
 */
export function registrableHost({ hostname }: URL): string {
  const address = addressOf(hostname);
  if (address === undefined) return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname;
  const parsed = ipaddr.parse(address);
  if (!(parsed instanceof ipaddr.IPv6)) return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${networkBits}`).toString()}/${networkBits}`;
}

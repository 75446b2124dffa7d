import { getDomain } from "tldts";
import { networkOf } from "./network-of.ts";
import { addressOf } from "./public-address.ts";

/**
 * What all hosts of one owner have in common, so that a limit by host is not evaded with another name or port: the registrable domain
 * of a name (`a.b.example.co.uk` → `example.co.uk`, by the Public Suffix List with its private part, so that customers of one hosting
 * service are told apart), the network of an address (`networkOf`). A name without a registrable domain (`localhost`, a
 * public suffix itself) is its own.
 */
export function registrableHost({ hostname }: URL): string {
  const address = addressOf(hostname);
  if (address === undefined) return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname;
  return networkOf(address);
}

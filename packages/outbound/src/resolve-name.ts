import { type LookupAddress, promises as dns } from "node:dns";
import { isIP } from "node:net";
import { OutboundError } from "./outbound-error.ts";

/** All addresses of a name. Throws `OutboundError` where there are none or no server answers. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>;

/** A healthy name server answers in milliseconds; two tries leave room for one lost packet. */
const tryTimeoutMs = 2000;
const tries = 2;

type Options = {
  /** `address:port` of the name servers. Default: the machine's own. */
  servers?: readonly string[];
  /** The end of waiting, however many name servers are asked. Default: 5 seconds. */
  totalTimeoutMs?: number;
};

/**
 * Asks the name servers themselves and not `getaddrinfo`, which holds one of only four threads for as long as the name server of a
 * customer's domain stays silent, and file operations wait behind it. So a hosts file has no say, and no search domain is added: both are for names of our
 * own network.
 */
export function createNameResolver({ servers, totalTimeoutMs = 5000 }: Options = {}): ResolveName {
  return async (hostname) => {
    // A new one each time: it reads the machine's current settings, and canceling it cancels no other look-ups.
    const resolver = new dns.Resolver({ timeout: tryTimeoutMs, tries });
    if (servers !== undefined) resolver.setServers(servers);
    const timer = setTimeout(() => resolver.cancel(), totalTimeoutMs);
    try {
      const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      if (addresses.length > 0) return addresses.map((address) => ({ address, family: isIP(address) }));
      throw nameError(
        hostname,
        answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : [])),
      );
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Says of a failed look-up, by its code, whether the name does not exist or no server could tell. */
export function nameError(hostname: string, causes: readonly unknown[]): OutboundError {
  const codes = causes.map((cause) => (cause instanceof Error && "code" in cause ? String(cause.code) : "unknown"));
  const detail = `${hostname}: ${[...new Set(codes)].join(", ") || "no address"}`;
  const cause = causes[0];
  const isUnknown = codes.every((code) => code === "ENOTFOUND" || code === "ENODATA");
  const code = isUnknown ? "NAME_NOT_FOUND" : "NAME_SERVER_FAILED";
  return OutboundError.ofName(code, hostname, { detail, cause });
}

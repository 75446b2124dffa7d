import { OutboundError } from "./outbound-error.ts";
import { addressOf } from "./public-address.ts";
import { createNameResolver, type ResolveName } from "./resolve-name.ts";
import { assertPublicHost, resolvePublic } from "./resolve-public.ts";

export type UrlRules = {
  /** Addresses of our own network too. For tests, the local stack, and operators who say so. */
  allowPrivate: boolean;
  /** Plain http too. Default: https alone. */
  allowInsecure?: boolean;
};

/**
 * Parses an address that a caller chose and checks all that can be checked without a name server: the scheme, that there is no
 * user or password in it, and the host where it is an address (the URL parser has turned decimal, octal, hex and short forms into the
 * usual one). Any port will do: https says nothing that another protocol would take for its own.
 *
 * Throws `OutboundError`.
 */
export function parseOutboundUrl(text: string | URL, rules: UrlRules): URL {
  const url = URL.parse(text);
  const schemes = rules.allowInsecure === true ? "https:// or http://" : "https://";
  if (url === null) throw new OutboundError("INVALID_URL", `This is not a URL. It must be a full one, with ${schemes}`);
  if (url.protocol !== "https:" && (url.protocol !== "http:" || rules.allowInsecure !== true)) {
    throw new OutboundError("INVALID_URL", `The URL must start with ${schemes}, not with ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    const message = "The URL must not have a user or a password in it. Put a token into its path or query instead.";
    throw new OutboundError("INVALID_URL", message);
  }
  if (!rules.allowPrivate) assertPublicHost(url.hostname);
  return url;
}

/**
 * Checks an address when it is handed in: `parseOutboundUrl`, and every address that its name has now. What the name has later is
 * checked by the connection itself (`createGuardedAgent`); this one is for telling the caller early.
 *
 * Throws `OutboundError`; its message says what is wrong and what would be right.
 */
export async function assertPublicUrl(
  text: string | URL,
  rules: UrlRules & { resolve?: ResolveName | undefined },
): Promise<URL> {
  const url = parseOutboundUrl(text, rules);
  if (rules.allowPrivate || addressOf(url.hostname) !== undefined) return url;
  await resolvePublic(url.hostname, rules.resolve ?? createNameResolver());
  return url;
}

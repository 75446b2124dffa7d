import type { FastifyReply } from "fastify";

/** What a caller prefers, as far as this service knows it. */
export type Preference = {
  /** An answer at once, and the result later. */
  respondAsync: boolean;
  /** How long the caller is content to wait for more than that, in seconds. */
  waitSeconds: number | undefined;
  /** Ours: that the answer begins before it is there, and blanks come meanwhile. */
  keepAlive: boolean;
};

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const preference = new RegExp(`^\\s*(${token})\\s*(?:=\\s*(?:(${token})|"((?:[^"\\\\]|\\\\.)*)")\\s*)?(?:;.*)?$`);
/** Between two commas that are in no quoted string. */
const element = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/**
 * Reads the header `Prefer` (RFC 7240): the first of a name counts, names are of either case, and what is unknown or malformed is
 * ignored, as the RFC wants it: a preference is no demand. Node joins several headers with commas, which is what the RFC says they mean.
 */
export function readPreference(header: string | string[] | undefined): Preference {
  const values = new Map<string, string>();
  for (const part of [header ?? []].flat().join(",").match(element) ?? []) {
    const [, name, bare, quoted] = preference.exec(part) ?? [];
    if (name === undefined || values.has(name.toLowerCase())) continue;
    values.set(name.toLowerCase(), bare ?? quoted?.replaceAll(/\\(.)/g, "$1") ?? "");
  }
  const wait = values.get("wait") ?? "";
  return {
    respondAsync: values.has("respond-async"),
    keepAlive: values.has("keep-alive"),
    waitSeconds: /^\d+$/.test(wait) ? Number(wait) : undefined,
  };
}

/** Says in `Vary` that the answer depends on `Prefer`, before the headers that are named there already. */
export function varyByPreference(reply: FastifyReply): FastifyReply {
  const others = reply.getHeader("vary");
  return reply.header("vary", others === undefined ? "Prefer" : `Prefer, ${String(others)}`);
}

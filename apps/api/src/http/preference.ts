import type { FastifyReply } from "fastify";

/** The preferences that this service knows. */
export type Preference = {
  /** An answer at once, and the result later. */
  respondAsync: boolean;
  /** How long the caller wants to wait for the result, in seconds. */
  waitSeconds: number | undefined;
  /** Our own preference: the answer begins early, with blanks until the body is there. */
  keepAlive: boolean;
};

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const preference = new RegExp(`^\\s*(${token})\\s*(?:=\\s*(?:(${token})|"((?:[^"\\\\]|\\\\.)*)")\\s*)?(?:;.*)?$`);
/** The parts between commas outside quoted strings. */
const element = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/**
 * Reads the header `Prefer` (RFC 7240). The first preference of a name counts, names are case-insensitive, and unknown or malformed ones are
 * ignored, as the RFC requires. Node joins several headers with commas, which the RFC defines as equivalent.
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

/** Adds `Prefer` to `Vary`, before the headers that are there. */
export function varyByPreference(reply: FastifyReply): FastifyReply {
  const others = reply.getHeader("vary");
  return reply.header("vary", others === undefined ? "Prefer" : `Prefer, ${String(others)}`);
}

import { z } from "zod";

export type RedisNode = { host: string; port: number };

/** What a `REDIS_URL` names. */
export type RedisAddress = {
  /** One Redis, or nodes of a cluster; where `primaryName` is set, the Sentinels that know where the primary is. Never empty. */
  nodes: readonly [RedisNode, ...RedisNode[]];
  /** By which Sentinel knows the primary. */
  primaryName: string | undefined;
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  /** The number of the logical database. */
  db: number;
  /** What Sentinels ask for, which have users of their own. */
  sentinel: { username: string | undefined; password: string | undefined };
};

const looksLike =
  "must look like redis://host:6379 (rediss:// for TLS), redis://node1:6379,node2:6379 for a cluster, or " +
  "redis-sentinel://host1:26379,host2:26379/name-of-the-primary (rediss-sentinel:// for TLS)";

/** Host names have no comma, so a list of hosts is no URL to Node's parser. */
const shape =
  /^(?<scheme>rediss?(?<sentinels>-sentinel)?):\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#@]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

/** Reads a `REDIS_URL`. Throws an error whose message follows the name of the setting: `must …`. */
export function parseRedisUrl(url: string): RedisAddress {
  const { scheme, sentinels, user, hosts = "", path = "", query } = shape.exec(url)?.groups ?? {};
  if (scheme === undefined) throw new Error(looksLike);
  const bySentinel = sentinels !== undefined;
  const [first, ...others] = hosts.split(",").map((host) => parseNode(host, bySentinel ? 26_379 : 6_379));
  if (first === undefined) throw new Error(looksLike);
  const [username, password] = parseUser(user);
  const [sentinelUsername, sentinelPassword] = parseQuery(query, bySentinel);
  if (bySentinel && !/^[\w.-]+$/.test(path)) {
    throw new Error("must end with the name by which Sentinel knows the primary: redis-sentinel://host:26379/name");
  }
  if (!bySentinel && !/^\d{0,4}$/.test(path))
    throw new Error("must end with the number of a database, or with nothing");
  return {
    nodes: [first, ...others],
    primaryName: bySentinel ? path : undefined,
    tls: scheme.startsWith("rediss"),
    username,
    password,
    db: bySentinel ? 0 : Number(path),
    sentinel: { username: sentinelUsername, password: sentinelPassword },
  };
}

/** The setting that names a Redis. */
export const redisUrlSchema = z.string().superRefine((url, context) => {
  try {
    parseRedisUrl(url);
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : looksLike });
  }
});

function parseNode(text: string, defaultPort: number): RedisNode {
  // The scheme is of no matter: every URL with it has a host and a port.
  const url = URL.parse(`http://${text}`);
  const port = /:(\d+)$/.exec(text)?.[1];
  if (url === null || url.hostname === "") throw new Error(looksLike);
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: port === undefined ? defaultPort : Number(port) };
}

function parseUser(user: string | undefined): [username?: string, password?: string] {
  if (user === undefined) return [];
  const colon = user.indexOf(":");
  const parts = colon === -1 ? [user] : [user.slice(0, colon), user.slice(colon + 1)];
  const [username, password] = parts.map(decode);
  return [username || undefined, password || undefined];
}

function parseQuery(query: string | undefined, bySentinel: boolean): [username?: string, password?: string] {
  const parameters = new URLSearchParams(query);
  const known = bySentinel ? ["sentinel_username", "sentinel_password"] : [];
  const unknown = [...parameters.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`must not have the parameter ${unknown}. Known are: ${known.join(", ") || "none"}`);
  }
  return [parameters.get("sentinel_username") ?? undefined, parameters.get("sentinel_password") ?? undefined];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("must have all but letters and digits of its user and password percent-encoded");
  }
}

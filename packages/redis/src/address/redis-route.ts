import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector, type RedisOptions } from "ioredis";
import { FailoverConnector } from "./failover-connector.ts";
import { parseRedisUrl, type RedisAddress, type RedisNode } from "./redis-url.ts";

/** A server that is demoted stays it for a while. Once a second it is looked whether the address leads to another. */
const readOnlyEveryMs = 1_000;

/** A Sentinel answers in a millisecond. One that has not within two seconds is frozen or cut off, and the next one is asked. */
const sentinelCommandTimeout = 2_000;

/** Where several servers can be asked, none is waited for as long as a single one: a lost packet is sent again within a second. */
const connectTimeout = 3_000;

/** How long a server may take to close a connection that is given up: ioredis' own default. */
const disconnectTimeoutMs = 2_000;

const routes = new Map<string, RedisOptions>();

/**
 * The options for connections to a `REDIS_URL`. All connections of a process to the same URL share what one of them learns:
 *
 * - By Sentinel, each asks where the primary is, and hears from the Sentinels when that changes.
 * - In a cluster, all keys of an installation are in one slot. A node that does not own it answers `MOVED` with the address of the one that
 *   does, and all connections go there. Where that is away, the other nodes are asked in turn.
 *
 * A command that was answered with `MOVED` or `READONLY` fails, and is not sent again: it may be part of a transaction.
 */
export function routeTo(url: string): RedisOptions {
  const known = routes.get(url);
  if (known !== undefined) return known;
  const address = parseRedisUrl(url);
  const { username, password, db, tls } = address;
  const route: RedisOptions = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
    db,
    ...(address.primaryName === undefined ? throughNodes(address) : throughSentinels(address)),
  };
  routes.set(url, route);
  return route;
}

function throughSentinels({ nodes, primaryName, tls, sentinel }: RedisAddress): RedisOptions {
  return {
    sentinels: [...nodes],
    name: primaryName ?? "",
    ...(sentinel.username !== undefined && { sentinelUsername: sentinel.username }),
    ...(sentinel.password !== undefined && { sentinelPassword: sentinel.password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelCommandTimeout,
    connectTimeout,
    // Without it a primary that is frozen or cut off keeps its connections, which wait for its answers.
    failoverDetector: true,
    Connector: FailoverConnector,
    reconnectOnError: createReadOnlyCheck(),
  };
}

function throughNodes({ nodes, tls }: RedisAddress): RedisOptions {
  let current: RedisNode = nodes[0];
  let failures = 0;
  const isReadOnly = createReadOnlyCheck();
  /** The servers that connections are open to. */
  const open = new Map<ReturnType<typeof connectTcp>, RedisNode>();

  function goTo(node: RedisNode): void {
    if (node.host === current.host && node.port === current.port) return;
    current = node;
    // A subscriber is never told to move, and what is published elsewhere may not reach its node.
    for (const [stream, at] of open) if (at !== node) stream.destroy();
  }

  class NodeConnector extends AbstractConnector {
    readonly #options: object;

    constructor(options: unknown) {
      super(disconnectTimeoutMs);
      this.#options = Object(options);
    }

    override async connect() {
      const node = current;
      const { host, port } = node;
      // What is said of a connection names the server that it leads to.
      Object.assign(this.#options, { host, port });
      this.connecting = true;
      const stream = tls ? connectTls({ host, port }) : connectTcp({ host, port });
      let connected = false;
      open.set(stream, node);
      stream.once(tls ? "secureConnect" : "connect", () => (connected = true));
      stream.once("error", (error) => (this.firstError = error));
      stream.once("close", () => {
        open.delete(stream);
        if (!connected && current === node) current = nodes[failures++ % nodes.length] ?? node;
      });
      this.stream = stream;
      return stream;
    }
  }

  return {
    Connector: NodeConnector,
    ...(nodes.length > 1 && { connectTimeout }),
    reconnectOnError(error) {
      const node = movedTo(error, current);
      if (node !== undefined) goTo(node);
      return node !== undefined || isReadOnly.call(this, error);
    },
  };
}

/**
 * The address in `MOVED 3999 10.0.0.1:6381`. Without a host, or with `?` where a node prefers host names and knows none, it is that of the node
 * which answers.
 */
function movedTo({ message }: Error, answering: RedisNode): RedisNode | undefined {
  const { host, port } = /^MOVED \d+ (?<host>.*):(?<port>\d+)$/.exec(message)?.groups ?? {};
  if (port === undefined) return undefined;
  return { host: host === "" || host === "?" || host === undefined ? answering.host : host, port: Number(port) };
}

/**
 * Whether a connection shall look where its address leads to now: it has reached a replica. Each connection looks at its own pace, by its
 * options, which are what ioredis calls this with.
 */
function createReadOnlyCheck() {
  const dueAtMs = new WeakMap<object, number>();
  return function isReadOnly(this: RedisOptions, { message }: Error): boolean {
    if (!message.startsWith("READONLY ") || performance.now() < (dueAtMs.get(this) ?? 0)) return false;
    dueAtMs.set(this, performance.now() + readOnlyEveryMs);
    return true;
  };
}

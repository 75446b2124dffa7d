import type { LookupFunction } from "node:net";
import { callbackify } from "node:util";
import { Agent, buildConnector } from "undici";
import { createNameResolver, type ResolveName } from "./resolve-name.ts";
import { assertPublicHost, resolvePublic } from "./resolve-public.ts";

export type GuardedAgentOptions = Omit<Agent.Options, "connect" | "allowH2" | "pipelining"> & {
  /** No guard: addresses of our own network too, found the way the machine finds them, its hosts file included. */
  allowPrivate: boolean;
  /** For the connection alone, name and TLS handshake included. */
  connectTimeoutMs: number;
  resolve?: ResolveName | undefined;
};

/**
 * An undici agent that connects to public addresses alone, redirects included. It resolves a name itself, once per connection, and
 * gives the socket exactly the addresses that were checked: a name that answers differently the second time (DNS rebinding) has no
 * second time. A refusal fails the request with an `OutboundError`.
 *
 * The caller that creates it destroys it.
 */
export function createGuardedAgent({
  allowPrivate,
  connectTimeoutMs,
  resolve,
  ...options
}: GuardedAgentOptions): Agent {
  const shared = {
    ...options,
    // HTTP/1.1, so that one cut connection costs one call and not every call that shared it.
    allowH2: false,
    // No connection is kept for the next call: each call checks its addresses again, and a server that closes an idle connection in
    // the moment we write looks like a cut after sending.
    pipelining: 0,
  };
  if (allowPrivate) return new Agent({ ...shared, connect: { timeout: connectTimeoutMs } });
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    lookup: publicLookup(resolve ?? createNameResolver()),
  });
  return new Agent({
    ...shared,
    connect: (target, callback) => {
      // A socket never looks up a host that is an address already, so that one is checked here.
      try {
        assertPublicHost(target.hostname);
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null);
        return;
      }
      connect(target, callback);
    },
  });
}

const publicLookup =
  (resolve: ResolveName): LookupFunction =>
  (hostname, options, callback) =>
    callbackify(resolvePublic)(hostname, resolve, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const [first] = addresses;
      if (options.all === true || first === undefined) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });

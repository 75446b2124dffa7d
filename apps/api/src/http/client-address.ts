import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

/**
 * The address of a caller, for the log. `X-Forwarded-For` is text that a proxy passes on, and some proxies write a port behind the
 * address. Where it holds no address, that of the connection is told.
 */
export function clientAddress({ ip, socket }: Pick<FastifyRequest, "ip" | "socket">): string | undefined {
  const bare = /^\[?([\da-fA-F.:]+?)\]?(?::\d{1,5})?$/.exec(ip)?.[1] ?? "";
  return [ip, bare].find((candidate) => isIP(candidate) !== 0) ?? socket.remoteAddress;
}

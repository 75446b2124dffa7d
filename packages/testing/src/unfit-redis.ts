import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { Transform } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { Redis } from "ioredis";
import { listeningPort } from "./listening-port.ts";
import { startRedis, startSentinel, type StartRedisOptions } from "./redis-process.ts";
import { selfSigned } from "./self-signed.ts";

type Started = { url: string; stop: () => Promise<void> };

/** A Redis that cannot be used, and what a process says of it after `Redis at host:port `. */
export type UnfitRedis = { start: () => Promise<Started>; says: RegExp };

const local = "127.0.0.1";

/** A Redis whose URL, or whose settings, are changed once it runs. */
const redisThat =
  (options: StartRedisOptions, alter: (url: URL, redis: Redis) => unknown = () => {}) =>
  async (): Promise<Started> => {
    const server = await startRedis({ persist: false, ...options });
    const admin = new Redis(server.url);
    const url = new URL(server.url);
    await alter(url, admin);
    admin.disconnect();
    return { url: url.href, stop: server.stop };
  };

/** Logs in as a user with these rights. */
const withRights =
  (...rights: string[]) =>
  async (url: URL, redis: Redis): Promise<void> => {
    await redis.call("ACL", "SETUSER", "app", "on", ">secret", ...rights);
    url.username = "app";
    url.password = "secret";
  };

const serverAt = (protocol: "redis" | "rediss", open: () => Server) => async (): Promise<Started> => {
  const server = open();
  const port = await listeningPort(server.listen(0, local));
  return {
    url: `${protocol}://${local}:${port}`,
    async stop() {
      server.close();
      await once(server, "close");
    },
  };
};

/** A Redis behind a server that passes its bytes on, changed. */
const behind = (open: (port: number) => Server, protocol: "redis" | "rediss") => async (): Promise<Started> => {
  const redis = await startRedis({ persist: false });
  const server = await serverAt(protocol, () => open(redis.port))();
  return {
    url: server.url,
    async stop() {
      await redis.stop();
      await server.stop();
    },
  };
};

const tlsServer = (port: number): Server =>
  createTlsServer(selfSigned, (socket) => {
    const redis = connect(port, local);
    socket.on("error", () => redis.destroy()).pipe(redis);
    redis.on("error", () => socket.destroy()).pipe(socket);
  });

/** Says of itself that it is version 5. */
const olderServer = (port: number): Server =>
  createServer((socket) => {
    const redis = connect(port, local);
    const older = new Transform({
      transform: (bytes: Buffer, _encoding, done) =>
        done(null, Buffer.from(bytes.toString("latin1").replace(/redis_version:\d/, "redis_version:5"), "latin1")),
    });
    socket.on("error", () => redis.destroy()).pipe(redis);
    redis
      .on("error", () => socket.destroy())
      .pipe(older)
      .pipe(socket);
  });

const httpServer = () => createHttpServer((_request, response) => response.end("hello"));

/** Every kind of Redis that a service must not be started with, by what is wrong with it. */
export const unfitRedis: Readonly<Record<string, UnfitRedis>> = {
  "a wrong password": {
    start: redisThat({ password: "secret" }, (url) => (url.password = "guess")),
    says: /^refuses the user name or the password in REDIS_URL\. Correct them/,
  },
  "no password": {
    start: redisThat({ password: "secret" }, (url) => (url.password = "")),
    says: /^wants a password, and REDIS_URL has none\. Write it there/,
  },
  "a user without the keys": {
    start: redisThat({}, withRights("~elsewhere:*", "&*", "+@all")),
    says: /^does not give its user the rights that Darkroom needs/,
  },
  "a user without the channels": {
    start: redisThat({}, withRights("~*", "&elsewhere:*", "+@all")),
    says: /^does not give its user the rights that Darkroom needs/,
  },
  "a user without INFO": {
    start: redisThat({}, withRights("~*", "&*", "+@all", "-@dangerous")),
    says: /^does not give its user the rights that Darkroom needs.*\+info\.$/,
  },
  "a certificate of an unknown authority": {
    start: behind(tlsServer, "rediss"),
    says: /^has a certificate of an authority that is not known here\. Name .* in NODE_EXTRA_CA_CERTS/,
  },
  "TLS spoken to a plain port": {
    start: redisThat({}, (url) => (url.protocol = "rediss:")),
    says: /^does not speak TLS there\. Write redis:\/\//,
  },
  "plain words to a port for TLS": {
    start: behind(tlsServer, "redis"),
    says: /^wants TLS\. Write rediss:\/\//,
  },
  "a Sentinel": {
    async start() {
      const redis = await startRedis({ persist: false });
      const sentinel = await startSentinel(redis);
      return {
        url: `redis://${local}:${sentinel.port}`,
        async stop() {
          await sentinel.stop();
          await redis.stop();
        },
      };
    },
    says: /^is a Sentinel, which holds no data\. Write redis-sentinel:\/\/ in REDIS_URL/,
  },
  "Cluster mode": {
    // Its other port is 10,000 above its own unless it is told another, and there may be none.
    start: redisThat({ args: ["--cluster-enabled", "yes", "--cluster-port", "0"] }),
    says: /^runs in Cluster mode, .* Write QUEUE_PREFIX in braces, .* or use a Redis with cluster-enabled no\.$/,
  },
  "a read-only replica": {
    start: redisThat({ args: ["--replicaof", local, "1"] }),
    says: /^is a replica of 127\.0\.0\.1:1\. Name its primary in REDIS_URL\.$/,
  },
  "an evicting policy": {
    start: redisThat({ args: ["--maxmemory-policy", "allkeys-lru"] }),
    says: /^may throw away what it holds: its maxmemory-policy is "allkeys-lru" and must be "noeviction"/,
  },
  "a version that is too old": {
    start: behind(olderServer, "redis"),
    says: /^is of version 5\.\d+\.\d+, and Darkroom needs 6\.2 or a later one\. Update it\.$/,
  },
  "a port of HTTP": {
    start: serverAt("redis", httpServer),
    says: /^is not a Redis server: what answers there speaks another protocol/,
  },
  "a port of HTTP, spoken to in TLS": {
    start: serverAt("rediss", httpServer),
    says: /^does not speak TLS there/,
  },
  "a host name that does not resolve": {
    start: async () => ({ url: "redis://nowhere.invalid:6379", stop: async () => {} }),
    says: /^cannot be found: /,
  },
};

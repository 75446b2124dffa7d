import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type StackChild, startChild } from "./child-process.ts";
import { chooseLoopbackPort } from "./choose-port.ts";
import { Problem } from "./problem.ts";
import { type RedisTarget, redisAnswer } from "./redis-answer.ts";
import { waitUntil } from "./wait-until.ts";

const host = "127.0.0.1";

export type LocalRedisOptions = {
  /** The program: redis-server or valkey-server. */
  server: string;
  /** Its folder `redis` is there, for the owner only. */
  stateDirectory: string;
  logFile: string;
};

export type LocalRedis = {
  child: StackChild;
  url: string;
  /** True once it has loaded its data and takes commands. */
  isReady: () => Promise<boolean>;
};

/**
 * Starts a Redis of our own on its own data: nothing that it was told is lost, but for the last second of a power cut. It has a password,
 * because every user and every program of this machine reaches its port. A socket in the folder would need none, but the path of one has
 * about a hundred characters at most, and a checkout may lie deeper. With a password one URL works for every client.
 */
export async function startLocalRedis({ server, stateDirectory, logFile }: LocalRedisOptions): Promise<LocalRedis> {
  const folder = join(stateDirectory, "redis");
  const password = redisPassword(folder);
  const portFile = join(folder, "port");
  const lastPort = existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : undefined;
  if (lastPort !== undefined) await endLeftover({ host, port: lastPort, password }, folder);

  const port = await chooseLoopbackPort(lastPort);
  writeFileSync(portFile, String(port));
  const settings = {
    bind: host,
    port: String(port),
    requirepass: password,
    dir: folder,
    appendonly: "yes",
    appendfsync: "everysec",
    // The append-only file is the copy on disk; snapshots beside it would only cost a fork.
    save: "",
    // A queue that drops its oldest keys when memory is short loses jobs; this one refuses new ones.
    "maxmemory-policy": "noeviction",
  };
  // In a file, because every user of the machine sees the arguments of a program.
  const settingsFile = join(folder, "redis.conf");
  // Redis reads quoted words as JSON writes them, https://redis.io/docs/latest/operate/oss_and_stack/management/config/.
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)}\n`);
  writeFileSync(settingsFile, lines.join(""), { mode: 0o600 });
  const child = startChild({ name: "redis", command: server, args: [settingsFile], env: {}, logFile });
  return {
    child,
    url: `redis://:${password}@${host}:${port}`,
    isReady: async () => (await redisAnswer({ host, port, password }, "PING")) === "+PONG\r\n",
  };
}

/** The password of the Redis of this folder: made once, so that a Redis that outlived a crashed run can be told to end. */
function redisPassword(folder: string): string {
  const file = join(folder, "password");
  if (existsSync(file)) {
    const kept = readFileSync(file, "utf8");
    if (/^[\w-]{32,}$/.test(kept)) return kept;
  }
  const made = randomBytes(32).toString("base64url");
  writeFileSync(file, made, { mode: 0o600 });
  return made;
}

/** A Redis that outlived a crashed run still writes to our folder; two of them would destroy it. We hold the lock, so no other run uses it. */
async function endLeftover(target: RedisTarget, folder: string): Promise<void> {
  const isGone = async () => {
    const usesOurFolder = (await redisAnswer(target, "CONFIG GET dir"))?.includes(`\r\n${folder}\r\n`) ?? false;
    if (usesOurFolder) await redisAnswer(target, "SHUTDOWN");
    return !usesOurFolder;
  };
  if (await waitUntil(isGone, 10_000)) return;
  throw new Problem(
    `A Redis of an earlier run still uses ${folder}. End it with: REDISCLI_AUTH=$(cat ${join(folder, "password")}) redis-cli -p ${target.port} shutdown`,
  );
}

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type StackChild, startChild } from "./child-process.ts";
import { chooseLoopbackPort } from "./choose-port.ts";
import { Problem } from "./problem.ts";
import { redisAnswer } from "./redis-answer.ts";
import { waitUntil } from "./wait-until.ts";

const host = "127.0.0.1";

export type LocalRedisOptions = {
  /** The program: redis-server or valkey-server. */
  server: string;
  stateDirectory: string;
  logFile: string;
};

export type LocalRedis = {
  child: StackChild;
  url: string;
  /** True once it has loaded its data and takes commands. */
  isReady: () => Promise<boolean>;
};

/** Starts a Redis of our own on its own data: nothing that it was told is lost, but for the last second of a power cut. */
export async function startLocalRedis({ server, stateDirectory, logFile }: LocalRedisOptions): Promise<LocalRedis> {
  const folder = join(stateDirectory, "redis");
  const portFile = join(folder, "port");
  mkdirSync(folder, { recursive: true });
  const lastPort = existsSync(portFile) ? Number(readFileSync(portFile, "utf8")) : undefined;
  if (lastPort !== undefined) await endLeftover(lastPort, folder);

  const port = await chooseLoopbackPort(lastPort);
  writeFileSync(portFile, String(port));
  const settings = {
    bind: host,
    port: String(port),
    dir: folder,
    appendonly: "yes",
    appendfsync: "everysec",
    // The append-only file is the copy on disk; snapshots beside it would only cost a fork.
    save: "",
    // A queue that drops its oldest keys when memory is short loses jobs; this one refuses new ones.
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = startChild({ name: "redis", command: server, args, env: {}, logFile });
  return {
    child,
    url: `redis://${host}:${port}`,
    isReady: async () => (await redisAnswer({ host, port }, "PING")) === "+PONG\r\n",
  };
}

/** A Redis that outlived a crashed run still writes to our folder; two of them would destroy it. We hold the lock, so no other run uses it. */
async function endLeftover(port: number, folder: string): Promise<void> {
  const isGone = async () => {
    const usesOurFolder = (await redisAnswer({ host, port }, "CONFIG GET dir"))?.includes(`\r\n${folder}\r\n`) ?? false;
    if (usesOurFolder) await redisAnswer({ host, port }, "SHUTDOWN");
    return !usesOurFolder;
  };
  if (await waitUntil(isGone, 10_000)) return;
  throw new Problem(`A Redis of an earlier run still uses ${folder}. End it with: redis-cli -p ${port} shutdown`);
}

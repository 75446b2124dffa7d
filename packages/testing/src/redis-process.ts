import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "./free-port.ts";
import { redisBinary } from "./redis-binary.ts";

export type StartRedisOptions = {
  /** As Redis spells it: `64mb`. Without it memory is not limited. */
  maxmemory?: string;
  /** Keeps an append-only file, so that what was written survives `kill()` and `restart()`. Default true. */
  persist?: boolean;
  /** What clients must send, and what is in `url`. Without it no client needs one. */
  password?: string;
  /** More arguments for the server, `["--hz", "50"]`. They win over ours. */
  args?: readonly string[];
  /** Where it listens, 127.0.0.1 by default. */
  host?: string;
  /** The program and its arguments that start it in its place: `["ip", "netns", "exec", "name"]`. */
  launcher?: readonly string[];
  /** Laid over the environment of this process. */
  environment?: Record<string, string>;
};

export type PrivateRedis = {
  url: string;
  port: number;
  /** Where it writes. Once it is removed the server can save nothing. */
  folder: string;
  /** SIGSTOP: connections stay, and nothing is answered until `thaw()`. */
  freeze: () => void;
  thaw: () => void;
  /** SIGKILL, as a machine that dies. The folder stays for `restart()`. */
  kill: () => Promise<void>;
  /**
   * Starts the server again on the same port with what its folder holds; ends it first (SIGTERM) if it still runs.
   * @param args more arguments for this life of the server
   */
  restart: (args?: readonly string[]) => Promise<void>;
  /** Ends the server and removes its folder. Safe to call twice. */
  stop: () => Promise<void>;
};

/** A Redis server of the caller's own, on a free loopback port, refusing writes when full (`noeviction`): for tests that break it. */
export async function startRedis({
  maxmemory,
  persist = true,
  password,
  args = [],
  host = "127.0.0.1",
  launcher = [],
  environment = {},
}: StartRedisOptions = {}): Promise<PrivateRedis> {
  const binary = redisBinary();
  if (binary === null) {
    throw new Error(
      "No redis-server or valkey-server on the PATH. Install one: apt-get install redis-server, or brew install redis.",
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "darkroom-redis-"));
  const settings = {
    bind: host,
    dir: folder,
    logfile: "",
    save: "",
    appendonly: persist ? "yes" : "no",
    "maxmemory-policy": "noeviction",
    maxmemory: maxmemory ?? "0",
    ...(password !== undefined && { requirepass: password }),
  };
  const ours = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const launch = (port: number, more: readonly string[] = []) =>
    launchServer([...launcher, binary, "--port", String(port), ...ours, ...args, ...more], environment);
  try {
    let { port, child } = await onFreePort(launch);
    const end = (signal: NodeJS.Signals) => endProcess(child, signal);
    return {
      port,
      folder,
      url: `redis://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}${host}:${port}`,
      freeze: () => void child.kill("SIGSTOP"),
      thaw: () => void child.kill("SIGCONT"),
      kill: () => end("SIGKILL"),
      restart: async (more) => {
        await end("SIGTERM");
        child = await launch(port, more);
      },
      stop: async () => {
        // Nothing of it is kept, and a server that cannot save does not end when it is only told to.
        await end("SIGKILL");
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

export type StartSentinelOptions = {
  /** Where it listens, 127.0.0.1 by default. */
  host?: string;
  /** What clients must send. Without it no client needs one. */
  password?: string;
  /** How many Sentinels must agree that the primary is down. */
  quorum?: number;
  /** How long the primary may be silent, in milliseconds. */
  downAfterMs?: number;
};

/** A Sentinel that watches a Redis by the name "watched", on a free port: it speaks as Redis does, and holds nothing. */
export async function startSentinel(
  watched: { host?: string; port: number },
  { host = "127.0.0.1", password, quorum = 1, downAfterMs = 30_000 }: StartSentinelOptions = {},
): Promise<{ port: number; stop: () => Promise<void> }> {
  const binary = redisBinary();
  if (binary === null) throw new Error("No redis-server or valkey-server on the PATH.");
  const folder = await mkdtemp(join(tmpdir(), "darkroom-sentinel-"));
  const file = join(folder, "sentinel.conf");
  const { port, child } = await onFreePort(async (free) => {
    const lines = [
      `port ${free}`,
      `bind ${host}`,
      `dir ${folder}`,
      `sentinel monitor watched ${watched.host ?? "127.0.0.1"} ${watched.port} ${quorum}`,
      `sentinel down-after-milliseconds watched ${downAfterMs}`,
      ...(password === undefined ? [] : [`requirepass ${password}`]),
      // Also how long a failover that found no replica is not tried again.
      "sentinel failover-timeout watched 5000",
    ];
    await writeFile(file, lines.join("\n"));
    return launchServer([binary, file, "--sentinel"], {}, "+monitor");
  });
  return {
    port,
    stop: async () => {
      await endProcess(child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Three tries: a port that was free a moment ago is rarely taken twice. */
async function onFreePort(launch: (port: number) => Promise<ChildProcess>) {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    try {
      return { port, child: await launch(port) };
    } catch (error) {
      if (tries === 3 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

/** Resolves when the server has loaded its data and takes connections; throws with its last lines when it ends before that. */
async function launchServer(
  [binary = "", ...args]: readonly string[],
  environment: Record<string, string> = {},
  ready = "Ready to accept connections",
): Promise<ChildProcess> {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  // A test process that exits early takes its server along.
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.off("exit", killAtExit));
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`${binary} ended with ${code}:\n${lines.slice(-10).join("\n")}`)));
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        if (lines.push(line) > 100) lines.shift();
        if (line.includes(ready)) resolve();
      });
    }
  });
  return child;
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

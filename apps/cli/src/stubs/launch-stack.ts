import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { childEnvironment, freePort } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { redisAnswer } from "../redis-answer.ts";

export const redisServer = process.env["REDIS_SERVER"] ?? "redis-server";
export const hasRedisServer = spawnSync(redisServer, ["--version"]).error === undefined;

const stubReport = z.object({ pid: z.number(), env: z.record(z.string(), z.string()) });
const localFacts = z.object({ baseUrl: z.url(), apiKey: z.string(), adminKey: z.string().optional() });

export type LaunchedStack = {
  process: ChildProcess;
  /** Everything it has printed so far. */
  printed: () => string;
  /** Resolves when it is ready; rejects with what it printed when it ends instead. */
  ready: Promise<void>;
  ended: Promise<number | null>;
  facts: () => z.infer<typeof localFacts>;
  /** What a stub was started with. */
  stub: (which: "api" | "worker") => Promise<z.infer<typeof stubReport>>;
  redis: (command: string) => Promise<string | undefined>;
  /** Redis, api and worker. */
  pids: () => Promise<number[]>;
};

/**
 * Runs the stub stack as a process of its own, as a person would, and ends it with the test. Its port is a free one, not 4000, which a stack
 * that runs on this machine may have.
 */
export async function launchStack(stateDirectory: string, env: Record<string, string> = {}): Promise<LaunchedStack> {
  const port = String(await freePort());
  const child = spawn(process.execPath, [resolve(import.meta.dirname, "stub-stack.ts")], {
    env: { ...childEnvironment(), REDIS_SERVER: redisServer, STATE_DIRECTORY: stateDirectory, PORT: port, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let text = "";
  // Not "close" of the child: after a disconnect() it never comes.
  const streamsEnded = [child.stdout, child.stderr].map((stream) => stream && once(stream, "close"));
  const exit = once(child, "exit").then(([code]: (number | null)[]) => code ?? null);
  const ended = Promise.all([exit, ...streamsEnded]).then(([code]) => code);
  const ready = new Promise<void>((done, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        text += chunk;
        if (text.includes("Darkroom is ready")) done();
      });
    }
    void ended.then(() => reject(new Error(`The stack ended:\n${text}`)));
  });
  ready.catch(() => {});
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });

  const facts = () => localFacts.parse(JSON.parse(readFileSync(join(stateDirectory, "local.json"), "utf8")));
  const redisFact = (name: string) => readFileSync(join(stateDirectory, "redis", name), "utf8");
  const redis = async (command: string) =>
    redisAnswer({ host: "127.0.0.1", port: Number(redisFact("port")), password: redisFact("password") }, command);
  const stub = async (which: "api" | "worker") => {
    const log = readFileSync(join(stateDirectory, "logs", `${which}.log`), "utf8");
    return ask(`http://127.0.0.1:${/listens on (\d+)/.exec(log)?.[1]}`);
  };
  const pids = async () => {
    const server = Number(/process_id:(\d+)/.exec((await redis("INFO server")) ?? "")?.[1]);
    return [server, (await stub("api")).pid, (await stub("worker")).pid];
  };
  return { process: child, printed: () => text, ready, ended, facts, stub, redis, pids };
}

async function ask(url: string) {
  return stubReport.parse(await (await fetch(url)).json());
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

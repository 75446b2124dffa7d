import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { hashApiKey } from "@darkroom/accounts";
import { childEnvironment, testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { apiKey, links } from "./api.fixture.ts";

const main = new URL("main.ts", import.meta.url).pathname;
const environment = () => ({
  ...childEnvironment(),
  STORAGE: "memory",
  PUBLIC_BASE_URL: links.publicBaseUrl,
  LINK_SIGNING_SECRET: links.signingSecret,
  API_KEYS: `acme:test:${hashApiKey(apiKey)}`,
  REDIS_URL: testRedisUrl(),
  QUEUE_PREFIX: "test-main",
  PORT: "0",
});

/** What a process holds in memory, in bytes. */
export const residentBytes = (pid: number) =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1_024;

type Line = { msg: string; [field: string]: unknown };

/** Starts the service as a process of its own and collects its log. */
export function startProcess(more: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main], {
    env: { ...environment(), ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: Line[] = [];
  const listening = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own log
    const entry = JSON.parse(line) as Line;
    lines.push(entry);
    if (entry.msg.startsWith("Listening on")) listening.resolve(String(entry["address"]));
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const stderr = text(child.stderr);
  return { child, lines, baseUrl: listening.promise, exitCode: () => exited, stderr };
}

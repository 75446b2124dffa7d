import { spawn } from "node:child_process";
import { createWriteStream, existsSync, renameSync } from "node:fs";
import { createInterface } from "node:readline";
import { printable } from "@darkroom/contracts";
import { guardAgainstOrphan } from "./orphan-guard.ts";

const keptLines = 20;

export type ChildProcessOptions = {
  /** What people call it: `redis`, `api`, `worker`. */
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Takes everything that it prints. The file of the run before is kept beside it as `.old`. */
  logFile: string;
  onLine?: (line: string) => void;
};

export type StackChild = {
  name: string;
  logFile: string;
  /** Settles when the process is gone, for any reason, with words such as "exit code 1". Never rejects. */
  ended: Promise<string>;
  lastLines: () => string[];
  /** SIGTERM, then SIGKILL when it has not ended after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
};

/** Starts one process of the stack, in a process group of its own so that Ctrl-C reaches only us and we stop them in order. */
export function startChild({ name, command, args, env, logFile, onLine }: ChildProcessOptions): StackChild {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.old`);
  const log = createWriteStream(logFile, { mode: 0o600 });
  const child = spawn(command, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const releaseGuard = child.pid === undefined ? () => {} : guardAgainstOrphan(child.pid);

  const lines: string[] = [];
  const keep = (printed: string) => {
    // A crash and a library print what they were given. In the lines of our own log nothing is left to replace.
    const line = printable(printed);
    log.write(`${line}\n`);
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    onLine?.(line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", keep);

  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`it could not be started: ${error.message}`));
    // "close", not "exit": by then the last lines have been read.
    child.once("close", (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
  }).finally(() => {
    releaseGuard();
    log.end();
  });

  const stop = async (graceMs: number) => {
    child.kill("SIGTERM");
    const deadline = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await ended;
    clearTimeout(deadline);
  };

  return { name, logFile, ended, lastLines: () => [...lines], stop };
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { childEnvironment } from "@darkroom/testing";

/** A process of ours, run as an operator runs it, with its log read line by line. */
export type Service = {
  pid: number;
  /** Resolves with the first log line, past or to come, that has this sentence in it; rejects when the process ends before. */
  logged(sentence: string): Promise<Record<string, unknown>>;
  /** Resolves with the exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  /** Signals the process and waits until it is gone. Safe to call twice. */
  end(signal: NodeJS.Signals): Promise<void>;
  lines: readonly string[];
};

/** @param entry the file to run, absolute or from this checkout's top */
export function startService(entry: string, environment: Record<string, string>): Service {
  const program = path.resolve(import.meta.dirname, "../..", entry);
  const child = spawn(process.execPath, [program], {
    env: { ...childEnvironment(), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`${entry} could not be started`);
  const lines: string[] = [];
  const readers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const read of readers) read();
    });
  }
  const exited = once(child, "close").then(([code, signal]: (number | NodeJS.Signals)[]) => code ?? signal ?? 0);

  return {
    pid: child.pid,
    lines,
    exited,
    logged(sentence) {
      const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
      let seen = 0;
      const read = () => {
        for (; seen < lines.length; seen++) {
          const line = lines[seen] ?? "";
          if (!line.includes(sentence)) continue;
          readers.delete(read);
          resolve(line.startsWith("{") ? JSON.parse(line) : { msg: line });
          return;
        }
      };
      readers.add(read);
      read();
      void exited.then((code) => {
        read();
        reject(new Error(`${entry} ended (${code}) before it logged "${sentence}":\n${lines.slice(-20).join("\n")}`));
      });
      return promise;
    },
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
    },
  };
}

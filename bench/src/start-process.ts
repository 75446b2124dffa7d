import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { childEnvironment, freePort } from "@darkroom/testing";

export type MeasuredProcess = {
  pid: number;
  origin: string;
  /** SIGTERM, so that a CPU profile is written; SIGKILL for one that does not go within ten seconds. Safe to call twice. */
  stop(): Promise<void>;
};

export type StartProcessOptions = {
  /** The absolute path of the file to run. */
  program: string;
  environment: Record<string, string>;
  /** The variable that names the port on which it listens. */
  portVariable: string;
  /** Its arguments, for a program that takes its port from them. */
  argumentsFor?: (port: number) => string[];
  /** What it answers with 200 once it is ready. `/healthz` when left out. */
  healthPath?: string;
  /** A folder for a `.cpuprofile`, written when the process stops. */
  profileTo: string | undefined;
};

/** One listener for all of them: a bench with 16 workers would exceed Node's limit of listeners. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const startWithinMs = 30_000;
const stopWithinMs = 10_000;

/** Starts a process and resolves when it answers that it is ready. Throws with its last lines when it ends before that. */
export async function startProcess(options: StartProcessOptions): Promise<MeasuredProcess> {
  const { program, environment, portVariable, profileTo, argumentsFor = () => [], healthPath = "/healthz" } = options;
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const flags = profileTo === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profileTo];
  const child = spawn(process.execPath, [...flags, program, ...argumentsFor(port)], {
    // Links begin with the api's own address; what has none ignores it.
    env: { ...childEnvironment(), PUBLIC_BASE_URL: origin, ...environment, [portVariable]: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      if (lines.push(line) > 20) lines.shift();
    });
  }
  const exited = once(child, "exit");
  running.add(child);
  void exited.then(() => running.delete(child));

  const giveUpAtMs = performance.now() + startWithinMs;
  while (!(await answers(`${origin}${healthPath}`))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > giveUpAtMs) {
      child.kill("SIGKILL");
      throw new Error(`${program} did not start:\n${lines.join("\n")}`);
    }
    await pause(50);
  }

  return {
    pid,
    origin,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok, body }) => body?.cancel().then(() => ok) ?? ok,
    () => false,
  );

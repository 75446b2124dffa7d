import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A program that waits for something that never comes is ended after this. */
const timeoutMs = 60_000;

export type RunProgramOptions = {
  /** All that the program sees besides the PATH. */
  environment?: Record<string, string>;
  /** Where it runs; the checkout's top when left out. */
  folder?: string;
};

/** Runs a program with a script on its standard input and returns what it prints. Throws with both outputs when it fails. */
export async function runProgram(
  command: string,
  args: readonly string[],
  script: string,
  { environment = {}, folder }: RunProgramOptions = {},
): Promise<string> {
  const { PATH = "" } = process.env;
  const running = promisify(execFile)(command, args, {
    timeout: timeoutMs,
    cwd: folder,
    env: { PATH, ...environment },
  });
  running.child.stdin?.end(script);
  const { stdout } = await running;
  return stdout;
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A program that waits for something that never comes is ended after this. */
const timeoutMs = 200_000;

export type RunProgramOptions = {
  /** What it reads on its standard input; nothing when left out. */
  input?: string;
  /** All that the program sees besides the PATH. */
  environment?: Record<string, string>;
  /** Where it runs; the checkout's top when left out. */
  folder?: string;
};

/** Runs a program to its end and returns what it prints. Throws with both outputs when it fails. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { input = "", environment = {}, folder }: RunProgramOptions = {},
): Promise<string> {
  const { PATH = "" } = process.env;
  const running = promisify(execFile)(command, args, {
    timeout: timeoutMs,
    cwd: folder,
    env: { PATH, ...environment },
  });
  // A program may end before it has read its input, and the pipe breaks: how it ended says whether that was wrong.
  running.child.stdin?.on("error", () => {});
  running.child.stdin?.end(input);
  const { stdout } = await running;
  return stdout;
}

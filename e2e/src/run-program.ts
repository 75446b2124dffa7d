import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A program that waits for something that never comes is ended after this. */
const timeoutMs = 30_000;

/**
 * Runs a program with a script on its standard input and returns what it prints. Its environment is ours to give: the PATH, and
 * `environment`. Throws with both outputs when it fails.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  script: string,
  environment: Record<string, string> = {},
): Promise<string> {
  const { PATH = "" } = process.env;
  const running = promisify(execFile)(command, args, { timeout: timeoutMs, env: { PATH, ...environment } });
  running.child.stdin?.end(script);
  const { stdout } = await running;
  return stdout;
}

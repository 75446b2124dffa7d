import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { childEnvironment } from "@darkroom/testing";

const main = resolve(import.meta.dirname, "../main.ts");

export type Ran = { code: number; stdout: string; stderr: string };

/**
 * Runs `darkroom …` as a person runs it, without input, and waits until it has ended.
 * @param onStderr is told each piece of stderr as it comes
 */
export async function runDarkroom(
  args: readonly string[],
  env: Record<string, string> = {},
  onStderr: (piece: string) => void = () => {},
): Promise<Ran> {
  const child = spawn(process.execPath, [main, ...args], {
    // A folder without a stack, where the test names none.
    env: { ...childEnvironment(), STATE_DIRECTORY: import.meta.dirname, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.on("data", (piece: Buffer) => onStderr(piece.toString()));
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (typeof code !== "number") throw new Error(`darkroom ${args.join(" ")} was ended by ${String(signal)}`);
  return { code, stdout, stderr };
}

import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { printableLines } from "@darkroom/contracts";

/**
 * Asks a question on the terminal: anything but `y` or `yes` is a no. Undefined where there is no terminal. Ctrl-C ends the process, as
 * it does at any other time.
 */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  lines.once("SIGINT", () => {
    process.stderr.write("\n");
    lines.close();
    // Raw keys are read here, so no signal was sent yet.
    process.kill(process.pid, "SIGINT");
  });
  // Ctrl-D closes it without an answer.
  const closed = once(lines, "close").then(() => undefined);
  const asked = lines.question(`${printableLines(question)} [y/N] `).catch(() => undefined);
  const answer = await Promise.race([asked, closed]);
  lines.close();
  if (answer === undefined) process.stderr.write("\n");
  return /^y(es)?$/i.test((answer ?? "").trim());
}

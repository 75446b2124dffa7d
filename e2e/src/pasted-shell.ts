import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export type Pasted = { code: number; stdout: string; stderr: string };

export type PastedShellOptions = {
  /** Where the person stands. */
  folder: string;
  /** All that the shell sees. */
  environment: Record<string, string>;
};

/** Stands alone on a line, and no command prints it. */
const mark = "--- darkroom: that was the command ---";

/** A shell into which commands are pasted, one after another: what one sets, the next one has. Ends when it is disposed of. */
export function openPastedShell({ folder, environment }: PastedShellOptions) {
  const shell = spawn("sh", [], { cwd: folder, env: environment, stdio: ["pipe", "pipe", "pipe"] });
  const out = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  const errors = createInterface({ input: shell.stderr })[Symbol.asyncIterator]();

  /** The lines of a stream until the mark, and what stands behind the mark. */
  async function untilMark(lines: typeof out): Promise<{ text: string; rest: string }> {
    const read: string[] = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`The shell ended:\n${read.join("\n")}`);
      if (value.startsWith(mark)) return { text: read.join("\n"), rest: value.slice(mark.length) };
      read.push(value);
    }
  }

  return {
    /** Runs a command to its end. It has no terminal: a program that reads its input gets none. */
    async paste(command: string): Promise<Pasted> {
      // The mark begins a line whatever the command printed last.
      const tell = `printf '\\n%s %s\\n' '${mark}' "$darkroom_code"`;
      shell.stdin.write(`{ ${command}\n} </dev/null\ndarkroom_code=$?\n${tell}\n${tell} >&2\n`);
      const [told, complained] = await Promise.all([untilMark(out), untilMark(errors)]);
      return { code: Number(told.rest), stdout: told.text.trimEnd(), stderr: complained.text.trimEnd() };
    },
    async [Symbol.asyncDispose]() {
      shell.stdin.end();
      if (shell.exitCode === null) await once(shell, "exit");
    },
  };
}

/**
 * The commands of a block, each with all of its lines: a quote or a backslash goes on in the next line. A block with a here-document is one
 * command.
 */
export function commandsIn(block: string): string[] {
  if (block.includes("<<")) return [block.trimEnd()];
  const commands: string[] = [];
  let begun = "";
  for (const line of block.trimEnd().split("\n")) {
    begun = begun === "" ? line : `${begun}\n${line}`;
    if (line.endsWith("\\") || !isComplete(begun)) continue;
    commands.push(begun);
    begun = "";
  }
  if (begun !== "") throw new Error(`A command is not complete:\n${begun}`);
  return commands;
}

function isComplete(command: string): boolean {
  try {
    execFileSync("sh", ["-n", "-c", command], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";

/** What every Debian has. Absent are pnpm, a Node that reads TypeScript, git, curl and all that a package would bring. */
const everywhere = [
  "sh",
  "cat",
  "cp",
  "cut",
  "dirname",
  "env",
  "head",
  "ls",
  "mkdir",
  "mv",
  "printf",
  "pwd",
  "readlink",
  "rm",
  "sed",
  "sha256sum",
  "sleep",
  "tail",
  "test",
  "tr",
  "true",
  "uname",
];

export type BareMachineOptions = {
  /** Other programs of this machine that are there too, such as `npm`. */
  more?: readonly string[];
  /** Takes what removes the folder again; at the end of the running test when left out. */
  defer?: (remove: () => Promise<void>) => void;
};

/**
 * The PATH of a machine with a shell, the system's basic tools and Node, and nothing else: a folder of links. Node is the oldest supported one
 * on this machine's own PATH (18 or newer), because that is what a person may have.
 */
export async function bareMachinePath({ more = [], defer = onTestFinished }: BareMachineOptions = {}): Promise<string> {
  const bin = await mkdtemp(join(tmpdir(), "darkroom-bare-"));
  defer(() => rm(bin, { recursive: true, force: true }));
  await symlink(oldestNode(), join(bin, "node"));
  for (const name of [...everywhere, ...more]) {
    const [program] = programsOnPath(name);
    if (program === undefined) throw new Error(`This machine has no ${name}, and the test needs it.`);
    await symlink(program, join(bin, name));
  }
  return bin;
}

/** The programs of a name on this machine's PATH, in its order. */
function programsOnPath(name: string): string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

function oldestNode(): string {
  const found = [process.execPath, ...programsOnPath("node")].map((program) => ({
    program,
    major: Number(/^v(\d+)/.exec(execFileSync(program, ["--version"], { encoding: "utf8" }))?.[1]),
  }));
  const [oldest] = found.filter(({ major }) => major >= 18).toSorted((a, b) => a.major - b.major);
  return oldest?.program ?? process.execPath;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

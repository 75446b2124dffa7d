import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);
const checkout = resolve(import.meta.dirname, "../..");

/** What an older version is, or why it cannot be had. */
export type OlderCheckout = { folder: string } | { missing: string };

/**
 * Takes the apps of an older commit out of the history, into a folder of their own with the packages that they were made with. It is removed
 * after the test. A copy without its history, or a machine that cannot install, has none.
 */
export async function checkOutOlder(commit: string): Promise<OlderCheckout> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-older-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const archive = join(folder, "archive.tar");
  try {
    await run("git", ["archive", "--output", archive, commit], { cwd: checkout });
  } catch {
    return { missing: `The history of this checkout does not have the commit ${commit}.` };
  }
  await run("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
  try {
    // As npm is found: the packages are in pnpm's store, if this machine has installed them before.
    const environment = { PATH: process.env["PATH"] ?? "", HOME: homedir(), CI: "true" };
    const args = ["install", "--prod", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts"];
    await run("pnpm", args, { cwd: folder, env: environment });
  } catch (error) {
    return { missing: `The packages of the commit ${commit} cannot be installed: ${String(error)}` };
  }
  return { folder };
}

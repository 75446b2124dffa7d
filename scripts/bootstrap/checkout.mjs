import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorCode, Problem } from "./problem.mjs";

/** The folder that holds package.json. */
export const checkout = fileURLToPath(new URL("../../", import.meta.url));

/** Everything that Darkroom writes on its own account goes here; git ignores it, and deleting it is always safe. */
export const stateFolder = join(checkout, ".darkroom");

/**
 * Makes sure that we can write here before anything is fetched.
 * @param {string} [folder]
 */
export function assertWritable(folder = stateFolder) {
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    // Keys, prompts and images are kept there: it is for its owner only.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw new Problem(
      `Darkroom cannot write to ${folder} (${errorCode(error)}). It keeps its tools and its data there: ` +
        `make the checkout writable for this user, or clone it into a folder that is.`,
    );
  }
}

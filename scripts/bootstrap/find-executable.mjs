import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The first of these programs that is on the PATH, as a full path.
 * @param {string[]} names
 * @param {NodeJS.ProcessEnv} env
 */
export function findExecutable(names, env) {
  for (const name of names) {
    for (const folder of (env.PATH ?? "").split(delimiter)) {
      const file = join(folder, name);
      if (folder !== "" && isExecutable(file)) return file;
    }
  }
  return undefined;
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

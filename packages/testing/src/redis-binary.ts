import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a Redis server on this machine (`redis-server`, else `valkey-server`), or null. */
export function redisBinary(): string | null {
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here: look in the next folder.
      }
    }
  }
  return null;
}

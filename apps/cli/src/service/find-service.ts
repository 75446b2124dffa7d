import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ClientConfig } from "../config.ts";
import { Problem } from "../problem.ts";

/** A running Darkroom, and the keys for it that are known. */
export type Service = {
  /** Its address without `/v1`, and without a slash at the end. */
  root: string;
  apiKey: string | undefined;
  adminKey: string | undefined;
};

/** What `darkroom start` writes about itself while it runs. */
const localSchema = z.object({ baseUrl: z.url(), apiKey: z.string(), adminKey: z.string().optional() });

/**
 * The service that a command speaks to: the one that is named, or the one that runs from this checkout. The local keys go nowhere but
 * to the local service.
 * @param url what `--url` says
 * @throws {Problem} when there is neither
 */
export function findService(url: string | undefined, config: ClientConfig): Service {
  const local = readLocal(config.stateDirectory);
  const named = url ?? config.url;
  const root = named === undefined ? local?.root : rootOf(named);
  if (root === undefined) {
    throw new Problem(
      "No Darkroom runs from this checkout. Start one with `npm start`, or name another with --url or DARKROOM_URL.",
    );
  }
  const known = root === local?.root ? local : undefined;
  return { root, apiKey: config.apiKey ?? known?.apiKey, adminKey: config.adminKey ?? known?.adminKey };
}

function readLocal(stateDirectory: string): Service | undefined {
  const file = join(stateDirectory, "local.json");
  if (!existsSync(file)) return undefined;
  try {
    const { baseUrl, apiKey, adminKey } = localSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    return { root: rootOf(baseUrl), apiKey, adminKey };
  } catch (error) {
    throw new Problem(`${file} cannot be read. Start the local stack again: it writes a new one.`, { cause: error });
  }
}

/** An address as people write it, with or without the `/v1` that an SDK wants. */
function rootOf(address: string): string {
  const { origin, pathname, username, password } = new URL(address);
  if (username !== "" || password !== "") throw new Problem("The address must not contain a user or a password.");
  return `${origin}${pathname}`.replace(/\/+$/, "").replace(/\/v1$/, "");
}

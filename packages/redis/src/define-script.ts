import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

type Argument = string | number;

/** A Lua script: runs whole or not at all, in one round trip. */
export type Script<Answer> = (redis: Redis, keys: readonly string[], args: readonly Argument[]) => Promise<Answer>;

/**
 * Loads a script that is put together from files: fragments that define functions, then the one that uses them. Called by its digest;
 * sent whole only when Redis does not know it (first use, or after a restart). `Answer` is what the script's own text says it returns.
 */
export function defineScript<Answer>(files: readonly URL[]): Script<Answer> {
  const lua = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const digest = createHash("sha1").update(lua).digest("hex");
  const run = async (redis: Redis, keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no checker reads Lua; the scripts stand beside their callers
  return run as Script<Answer>;
}

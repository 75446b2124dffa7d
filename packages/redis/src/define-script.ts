import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Redis } from "ioredis";
import { z } from "zod";

type Argument = string | number | Buffer;

/** A Lua script: runs whole or not at all, in one round trip. */
export type Script<Answer> = (redis: Redis, keys: readonly string[], args: readonly Argument[]) => Promise<Answer>;

const includes = /^--- @include "([^"]+)"\n/gm;
const functions = /^--- @function (\w+) "([^"]+)"\n/gm;

/** A script as BullMQ's package has it. */
const foreignSchema = z
  .record(z.string(), z.unknown())
  .transform((module) => Object.values(module))
  .pipe(z.tuple([z.object({ content: z.string() })]));

/**
 * Reads a Lua file with all that it includes, as BullMQ's scripts do: `--- @include "calendar"` at its top names `calendar.lua` beside it,
 * and `--- @include "@darkroom/accounts/scripts/ledger"` a file that another package exports. Each file stands in the text once, before
 * the first that includes it. Throws where a file is missing.
 *
 * `--- @function move_to_active "bullmq/dist/…/moveToActive-11.js"` makes a function of the script of another package: it is called with the
 * script's keys and arguments, and answers what the script answers.
 */
export function readScript(file: URL, included: Set<string> = new Set()): string {
  included.add(file.href);
  const own = readFileSync(file, "utf8");
  const before = [...own.matchAll(includes)].map(([, name = ""]) => {
    const url = name.startsWith("@") ? pathToFileURL(createRequire(file).resolve(name)) : new URL(`${name}.lua`, file);
    return included.has(url.href) ? "" : readScript(url, included);
  });
  const foreign = [...own.matchAll(functions)].map(([, name = "", module = ""]) => {
    const [{ content }] = foreignSchema.parse(createRequire(file)(module));
    return `local function ${name}(KEYS, ARGV)\n${content}\nend\n`;
  });
  return [...before, ...foreign, own.replaceAll(includes, "").replaceAll(functions, "")].join("");
}

/**
 * Loads a script with all that it includes. It is called by its digest, and sent whole only when Redis does not know it: at its first use,
 * or after a restart.
 *
 * @param schema what the script's own text says it answers. No checker reads Lua, so each answer is parsed: one that does not fit is an
 * error that names the script. It may have written all the same. In a union the most frequent answer comes first: the others cost an
 * attempt each.
 */
export function defineScript<Answer>(file: URL, schema: z.ZodType<Answer>): Script<Answer> {
  const lua = readScript(file);
  const digest = createHash("sha1").update(lua).digest("hex");
  const run = async (redis: Redis, keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
  return async (redis, keys, args) => {
    const answer = schema.safeParse(await run(redis, keys, args));
    if (answer.success) return answer.data;
    const name = path.basename(file.pathname);
    throw new Error(`The script ${name} gave an answer that it does not give: ${z.prettifyError(answer.error)}`, {
      cause: answer.error,
    });
  };
}

import { join } from "node:path";
import { checkout, stateFolder } from "./checkout.mjs";
import { foreground } from "./foreground.mjs";
import { obtainRedis } from "./obtain-redis.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./problem.mjs";

/**
 * Runs the command line in this process's place, after fetching what it needs.
 * @param {string[]} args
 */
export function darkroom(args) {
  return runMain(async () => {
    const { node, env } = await prepare(process.env);
    // Halves the time that Node takes to load the command line and the apps, from the second run on.
    const cache = { NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(stateFolder, "compile-cache") };
    const startsStack = args[0] === "start" && args.length === 1;
    const needsRedis = startsStack && !env.REDIS_URL && !env.REDIS_SERVER;
    const redis = needsRedis ? { REDIS_SERVER: await obtainRedis(env) } : {};
    const cli = join(checkout, "apps", "cli", "src", "main.ts");
    // The stack listens to the channel, so that it ends with us however we end. No other command does.
    const options = { env: { ...env, ...cache, ...redis }, channel: startsStack, sameSignal: !startsStack };
    return foreground(node, [cli, ...args], options);
  });
}

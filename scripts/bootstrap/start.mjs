import { join } from "node:path";
import { checkout, stateFolder } from "./checkout.mjs";
import { foreground } from "./foreground.mjs";
import { obtainRedis } from "./obtain-redis.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./problem.mjs";

export function start() {
  return runMain(async () => {
    const { node, env } = await prepare(process.env);
    // Halves the time that Node takes to load the apps from the second start on.
    const cache = { NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(stateFolder, "compile-cache") };
    const redis = env.REDIS_URL ? {} : { REDIS_SERVER: await obtainRedis(env) };
    const cli = join(checkout, "apps", "cli", "src", "main.ts");
    return foreground(node, [cli, "start", ...process.argv.slice(2)], {
      env: { ...env, ...cache, ...redis },
      channel: true,
    });
  });
}

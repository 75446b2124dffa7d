import { join } from "node:path";
import { checkout } from "./checkout.mjs";
import { foreground } from "./foreground.mjs";
import { obtainRedis } from "./obtain-redis.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./problem.mjs";

export function start() {
  return runMain(async () => {
    const { node, env } = await prepare(process.env);
    const redis = env.REDIS_URL ? {} : { REDIS_SERVER: await obtainRedis(env) };
    const cli = join(checkout, "apps", "cli", "src", "main.ts");
    return foreground(node, [cli, "start", ...process.argv.slice(2)], { env: { ...env, ...redis }, channel: true });
  });
}

import { rmSync } from "node:fs";
import { join } from "node:path";
import { checkout, stateFolder } from "./checkout.mjs";
import { closingLine } from "./closing-line.mjs";
import { foreground } from "./foreground.mjs";
import { obtainRedis } from "./obtain-redis.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./problem.mjs";
import { run } from "./run.mjs";

export function test() {
  return runMain(async () => {
    process.chdir(checkout);
    const { pnpm, env } = await prepare(process.env);
    const hasRedis = Boolean(env.TEST_REDIS_URL) || (await dockerAnswers(env));
    const redis = hasRedis ? {} : { REDIS_SERVER: await obtainRedis(env) };

    const results = join(stateFolder, "test-results.json");
    rmSync(results, { force: true });
    const code = await foreground(pnpm, ["check"], { env: { ...env, ...redis, TEST_RESULTS: results } });
    const { line, green } = closingLine(results);
    console.log(`\n${line}`);
    return code === 0 && !green ? 1 : code;
  });
}

/** @param {NodeJS.ProcessEnv} env */
async function dockerAnswers(env) {
  // `docker info` fails only slowly against a remote host that is away.
  return (await run("docker", ["info"], { env, timeoutMs: 5_000 })).code === 0;
}

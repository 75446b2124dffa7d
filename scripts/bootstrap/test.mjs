import { rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { assertWritable, checkout, stateFolder } from "./checkout.mjs";
import { closingLine } from "./closing-line.mjs";
import { foreground } from "./foreground.mjs";
import { obtainPnpm } from "./obtain-pnpm.mjs";
import { obtainRedis } from "./obtain-redis.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./problem.mjs";

/**
 * Runs a script of package.json on a bare machine, with Redis for its tests.
 * @param {string} script
 */
export function test(script) {
  return runMain(async () => {
    process.chdir(checkout);
    assertWritable();
    const prepared = await prepare(process.env);
    const pnpm = await obtainPnpm();
    // The checks start each other by the name of pnpm.
    /** @type {NodeJS.ProcessEnv} */
    const env = { ...prepared.env, PATH: [dirname(pnpm), prepared.env.PATH].join(delimiter) };
    // Also where Docker answers: many tests start a Redis of their own, and break it.
    const redis = env.TEST_REDIS_URL ? {} : { REDIS_SERVER: await obtainRedis(env) };

    const results = join(stateFolder, "test-results.json");
    rmSync(results, { force: true });
    const code = await foreground(pnpm, [script], { env: { ...env, ...redis, TEST_RESULTS: results } });
    const { line, green } = closingLine(results);
    console.log(`\n${line}`);
    return code === 0 && !green ? 1 : code;
  });
}

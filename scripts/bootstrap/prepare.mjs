import { delimiter, dirname } from "node:path";
import { assertWritable } from "./checkout.mjs";
import { installDependencies } from "./install-dependencies.mjs";
import { obtainNode } from "./obtain-node.mjs";
import { obtainPnpm } from "./obtain-pnpm.mjs";

/**
 * Everything that both `npm start` and `npm test` need, each step skipped in milliseconds when it is already there.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ node: string, pnpm: string, env: NodeJS.ProcessEnv }>} the programs, and an environment that finds them first
 */
export async function prepare(env) {
  assertWritable();
  const node = await obtainNode();
  const pnpm = await obtainPnpm();
  const withTools = { ...env, PATH: [dirname(node), dirname(pnpm), env.PATH].join(delimiter) };
  await installDependencies({ pnpm, env: withTools });
  return { node, pnpm, env: withTools };
}

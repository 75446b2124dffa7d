import { delimiter, dirname } from "node:path";
import { installDependencies } from "./install-dependencies.mjs";
import { obtainNode } from "./obtain-node.mjs";

/**
 * Everything that every command needs: a Node that runs TypeScript, and the dependencies. Where both are there, that takes milliseconds and
 * writes nothing, so that a command also works for a user who may only read the checkout.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ node: string, env: NodeJS.ProcessEnv }>} the program, and an environment that finds it first
 */
export async function prepare(env) {
  const node = await obtainNode();
  const withNode = { ...env, PATH: [dirname(node), env.PATH].join(delimiter) };
  await installDependencies(withNode);
  return { node, env: withNode };
}

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "./problem.mjs";
import { lastLines, run } from "./run.mjs";

/**
 * Fetches one package of the npm registry into a folder of its own, by way of the npm that is there: so whatever registry, proxy and
 * certificates this machine uses are used here too. Install scripts stay off: npm 12 blocks them by default, and we need none.
 * The folder appears complete or not at all.
 * @param {{ name: string, version: string, folder: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<string>} the package's folder
 */
export async function registryTool({ name, version, folder, env = process.env }) {
  const packageFolder = join(folder, "node_modules", ...name.split("/"));
  if (existsSync(packageFolder)) return packageFolder;

  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const [command, ...first] = npmCommand(env);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  // npm's own patience with a dead network is minutes; a person is waiting.
  const patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"];
  const args = [...first, "install", "--prefix", partial, ...flags, ...patience, `${name}@${version}`];
  // Where Corepack stands in for npm, it refuses to run npm below a package.json whose `packageManager` is pnpm.
  const noCorepackRefusal = { COREPACK_ENABLE_PROJECT_SPEC: "0" };
  const { code, output } = await run(command, args, { cwd: partial, env: { ...env, ...noCorepackRefusal } });
  if (code !== 0) {
    rmSync(partial, { recursive: true, force: true });
    throw new Problem(explainNpm(`${name}@${version}`, output));
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  return packageFolder;
}

/**
 * The npm that runs us, when one does (it may not be on the PATH), else the one on the PATH.
 * @param {NodeJS.ProcessEnv} env
 * @returns {[string, ...string[]]}
 */
function npmCommand(env) {
  const running = env.npm_execpath;
  return running?.endsWith("npm-cli.js") && existsSync(running) ? [process.execPath, running] : ["npm"];
}

/**
 * @param {string} what
 * @param {string} output what npm printed
 */
function explainNpm(what, output) {
  const network = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/.exec(output);
  if (network) {
    return `The npm registry cannot be reached (${network[0]}), so ${what} could not be fetched. Check the network, or the proxy and registry that npm is set to ("npm config list"), and run the command again.`;
  }
  if (/spawn npm ENOENT/.test(output)) {
    return `npm was not found, and ${what} comes from its registry. Install npm (on Debian: sudo apt-get install npm) and run the command again.`;
  }
  if (/ENOSPC/.test(output))
    return `The disk is full: ${what} could not be fetched. Free about 1 GB and run the command again.`;
  return `npm could not fetch ${what}. It said:\n${lastLines(output)}`;
}

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "./problem.mjs";
import { lastLines, run } from "./run.mjs";

/**
 * What npm says of each package that the bootstrap fetches, `npm view NAME@VERSION dist.integrity`, by its name and version. A new version of
 * Node or pnpm needs its hashes here.
 * @type {Record<string, string>}
 */
const hashes = JSON.parse(readFileSync(new URL("tool-hashes.json", import.meta.url), "utf8"));

/**
 * Fetches one package of the npm registry into a folder of its own, by way of the npm that is there: so whatever registry, proxy and
 * certificates this machine uses are used here too. Whatever that registry sends is run next, so npm compares it with the hash that the
 * checkout has of it. Install scripts stay off: npm 12 blocks them by default, and we need none.
 * The folder appears complete or not at all.
 * @param {{ name: string, version: string, folder: string, env?: NodeJS.ProcessEnv, integrity?: string }} options `integrity`: the hash, if not
 * that of the table
 * @returns {Promise<string>} the package's folder
 */
export async function registryTool({
  name,
  version,
  folder,
  env = process.env,
  integrity = hashes[`${name}@${version}`],
}) {
  const packageFolder = join(folder, "node_modules", ...name.split("/"));
  if (existsSync(packageFolder)) return packageFolder;

  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  writeLockfile(partial, { name, version, integrity });
  if (integrity === undefined) {
    console.error(`The checkout has no hash of ${name}@${version}: what your registry sends is not checked.`);
  }
  const [command, ...first] = npmCommand(env);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  // npm's own patience with a dead network is minutes; a person is waiting.
  const patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"];
  const args = [...first, "ci", "--prefix", partial, ...flags, ...patience];
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
 * Writes a project with one dependency, from which `npm ci` installs exactly that. No address is in it: npm asks the registry that it is set to.
 * @param {string} folder
 * @param {{ name: string, version: string, integrity: string | undefined }} tool
 */
function writeLockfile(folder, { name, version, integrity }) {
  const project = { private: true, dependencies: { [name]: version } };
  const packages = { "": project, [`node_modules/${name}`]: { version, integrity } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, requires: true, packages }));
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
  if (/EINTEGRITY/.test(output)) {
    return `${what} that the registry sent is not the one that this checkout knows, so it is not used. Check the registry that npm is set to ("npm config get registry"). npm said:\n${lastLines(output)}`;
  }
  if (/spawn npm ENOENT/.test(output)) {
    return `npm was not found, and ${what} comes from its registry. Install npm (on Debian: sudo apt-get install npm) and run the command again.`;
  }
  if (/ENOSPC/.test(output))
    return `The disk is full: ${what} could not be fetched. Free about 1 GB and run the command again.`;
  return `npm could not fetch ${what}. It said:\n${lastLines(output)}`;
}

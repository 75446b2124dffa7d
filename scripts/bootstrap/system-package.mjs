import { spawnSync } from "node:child_process";
import { findExecutable } from "./find-executable.mjs";
import { Problem } from "./problem.mjs";
import { progress } from "./progress.mjs";
import { lastLines, run } from "./run.mjs";

/**
 * Installs a package of the operating system, with apt-get or brew. This is the only thing the bootstrap does outside the checkout.
 * @param {{ package: string, purpose: string, env?: NodeJS.ProcessEnv }} options `purpose` completes "… needs it"
 * @throws {Problem} with the one command to type, when it cannot be done without a person
 */
export async function installSystemPackage({ package: name, purpose, env = process.env }) {
  const commands = await installCommands(name, env);
  await progress(`Installing the system package ${name} (${purpose} needs it)`, async () => {
    for (const [command, ...args] of commands) {
      const { code, output } = await run(command, args, { env: { ...env, DEBIAN_FRONTEND: "noninteractive" } });
      if (code !== 0) {
        throw new Problem(
          `${purpose} needs the system package ${name}, and installing it failed. ` +
            `Install it yourself and run the command again. ${command} said:\n${lastLines(output)}`,
        );
      }
    }
  });
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<[string, ...string[]][]>}
 */
async function installCommands(name, env) {
  if (findExecutable(["apt-get"], env)) {
    const root = await rootPrefix(env);
    if (root === undefined) throw new Problem(typeThis(name, `sudo apt-get install -y ${name}`));
    return [
      // A fresh machine has no package lists, and an old one has lists whose files are gone.
      [...root, "apt-get", "update", "-q"],
      [...root, "apt-get", "install", "-yq", "--no-install-recommends", name],
    ];
  }
  if (findExecutable(["brew"], env)) return [["brew", "install", name]];
  throw new Problem(typeThis(name, otherManagers.find(([program]) => findExecutable([program], env))?.[1](name)));
}

/** @type {[string, (name: string) => string][]} */
const otherManagers = [
  ["dnf", (name) => `sudo dnf install -y ${name}`],
  ["apk", (name) => `sudo apk add ${name}`],
  ["pacman", (name) => `sudo pacman -S ${name}`],
  ["zypper", (name) => `sudo zypper install ${name}`],
];

/**
 * What to put before a command to run it as root; undefined when that would take a password that no user is there to type.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<[] | ["sudo", "-n"] | undefined>}
 */
async function rootPrefix(env) {
  if (process.getuid?.() === 0) return [];
  if (!findExecutable(["sudo"], env)) return undefined;
  if ((await run("sudo", ["-n", "true"], { env })).code === 0) return ["sudo", "-n"];
  if (!process.stdin.isTTY) return undefined;
  // sudo asks the person at the terminal now, and remembers for the commands that follow.
  console.error("sudo may ask for your password, to install a system package.");
  return spawnSync("sudo", ["-v"], { env, stdio: "inherit" }).status === 0 ? ["sudo", "-n"] : undefined;
}

/**
 * @param {string} name
 * @param {string} [command]
 */
function typeThis(name, command) {
  const how = command
    ? `Type this and run the command again:\n\n  ${command}`
    : "Install it with your system's package manager and run the command again.";
  return `Darkroom needs the system package ${name}, and cannot install it by itself here. ${how}`;
}

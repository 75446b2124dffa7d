import { findExecutable } from "./find-executable.mjs";
import { Problem } from "./problem.mjs";
import { installSystemPackage } from "./system-package.mjs";

const servers = ["redis-server", "valkey-server"];

/**
 * A Redis server program for the local stack or the tests to start: the one on the PATH, or else the system's package. (On Debian the
 * package also starts a server of its own on port 6379; Darkroom does not touch that one.)
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>} the path of the executable
 */
export async function obtainRedis(env) {
  const present = findExecutable(servers, env);
  if (present) return present;
  const name = findExecutable(["brew"], env) && !findExecutable(["apt-get"], env) ? "redis" : "redis-server";
  await installSystemPackage({ package: name, purpose: "the queue", env });
  const installed = findExecutable(servers, env);
  if (!installed)
    throw new Problem(
      `The system package ${name} was installed, but redis-server is not on the PATH. Add its folder to the PATH and run the command again.`,
    );
  return installed;
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./checkout.mjs";
import { withInstallLock } from "./install-lock.mjs";
import { obtainPnpm } from "./obtain-pnpm.mjs";
import { Problem } from "./problem.mjs";
import { progress } from "./progress.mjs";
import { lastLines, run } from "./run.mjs";

// Exactly the lockfile, never a changed one; and no question whether an old node_modules may be replaced.
const install = ["install", "--frozen-lockfile", "--config.confirm-modules-purge=false"];

/**
 * Brings node_modules in line with the lockfile. pnpm leaves a copy of the lockfile that it installed; while that is the same as ours
 * there is nothing to do.
 * @param {NodeJS.ProcessEnv} env
 */
export async function installDependencies(env) {
  if (isInstalled(checkout)) return;
  const pnpm = await obtainPnpm();
  // NODE_ENV=production would leave out the development dependencies without a word.
  const { NODE_ENV: _, ...rest } = env;
  await withInstallLock(() =>
    progress("Installing the dependencies", async () => {
      const { code, output } = await run(pnpm, install, { cwd: checkout, env: rest });
      if (code !== 0) throw new Problem(explainPnpm(output));
    }),
  );
}

/** @param {string} folder a workspace */
export function isInstalled(folder) {
  const installed = join(folder, "node_modules", ".pnpm", "lock.yaml");
  return existsSync(installed) && readFileSync(installed).equals(readFileSync(join(folder, "pnpm-lock.yaml")));
}

/** @param {string} output what pnpm printed */
export function explainPnpm(output) {
  if (/ERR_PNPM_OUTDATED_LOCKFILE/.test(output)) {
    return "A package.json was changed without the lockfile. Run pnpm install, commit pnpm-lock.yaml, and run the command again.";
  }
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|dns error|error sending request|connect error/i.test(
      output,
    )
  ) {
    return "The npm registry cannot be reached, so the dependencies could not be installed. Check the network or the proxy and run the command again.";
  }
  return `pnpm could not install the dependencies. It said:\n${lastLines(output, 12)}`;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout, stateFolder } from "./checkout.mjs";
import { withInstallLock } from "./install-lock.mjs";
import { Problem } from "./problem.mjs";
import { progress } from "./progress.mjs";
import { registryTool } from "./registry-tool.mjs";
import { lastLines, run } from "./run.mjs";

/**
 * The pnpm of this checkout, whatever else is on the machine. Since 12 it is a native program; the `pnpm` package moves it into place
 * with an install script, so we fetch the platform's own package, which is the program and nothing else.
 * @returns {Promise<string>} the path of the executable
 */
export async function obtainPnpm() {
  const version = pnpmVersion(readFileSync(join(checkout, "package.json"), "utf8"));
  const name = pnpmPackage(process.platform, process.arch, usesMusl());
  const folder = join(stateFolder, "tools", `pnpm-${version}`);
  const executable = join(folder, "node_modules", ...name.split("/"), "pnpm");
  if (await runs(executable)) return executable;

  await withInstallLock(() => progress(`Fetching pnpm ${version}`, () => registryTool({ name, version, folder })));
  const check = await run(executable, ["--version"]);
  if (check.code !== 0)
    throw new Problem(
      `pnpm ${version} was fetched but does not run on this machine. It said:\n${lastLines(check.output)}`,
    );
  return executable;
}

/**
 * The version that `packageManager` names: the only place for it. Corepack may have put a checksum behind it.
 * @param {string} manifest the text of package.json
 */
export function pnpmVersion(manifest) {
  const { packageManager } = JSON.parse(manifest);
  const version = /^pnpm@(\d+\.\d+\.\d+)(?:\+|$)/.exec(packageManager ?? "")?.[1];
  if (version === undefined)
    throw new Problem(
      `package.json has "packageManager": ${JSON.stringify(packageManager)}. ` +
        `It must name an exact version of pnpm, as "pnpm@1.2.3" would. Put it right and run the command again.`,
    );
  return version;
}

/** @param {string} executable */
async function runs(executable) {
  return (await run(executable, ["--version"])).code === 0;
}

/**
 * @param {string} platform
 * @param {string} arch
 * @param {boolean} musl whether the C library is musl, as on Alpine
 */
export function pnpmPackage(platform, arch, musl) {
  return `@pnpm/exe.${platform}-${arch}${platform === "linux" && musl ? "-musl" : ""}`;
}

function usesMusl() {
  // Node names the version of glibc in its report, and nothing in its place on musl.
  return process.platform === "linux" && !JSON.stringify(process.report.getReport()).includes('"glibcVersionRuntime"');
}

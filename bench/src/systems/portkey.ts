import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type MeasuredProcess, startProcess } from "../start-process.ts";

/** The package, in the version that is measured. */
const gateway = { name: "@portkey-ai/gateway", version: "1.15.2" };

/**
 * Installs Portkey's gateway from the npm registry into a folder of its own, and answers the path of its program. It is no dependency of this
 * workspace: it brings 94 packages, which only this benchmark needs. A second call finds it installed.
 */
async function installPortkey(): Promise<string> {
  const folder = join(import.meta.dirname, "../../../.darkroom/tools", `portkey-gateway-${gateway.version}`);
  await mkdir(folder, { recursive: true });
  const manifest = { private: true, dependencies: { [gateway.name]: gateway.version } };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await promisify(execFile)("pnpm", ["install", "--ignore-workspace", "--ignore-scripts"], { cwd: folder });
  return join(folder, "node_modules", gateway.name, "build/start-server.js");
}

/** Portkey's gateway, which passes requests on to OpenAI's API at this origin. It stores nothing. */
export async function openPortkey(upstreamOrigin: string): Promise<{
  gateway: MeasuredProcess;
  headers: Record<string, string>;
}> {
  const started = await startProcess({
    program: await installPortkey(),
    // Headless: without the console that shows its last requests.
    argumentsFor: (port) => [`--port=${port}`, "--headless"],
    environment: { TRUSTED_CUSTOM_HOSTS: "127.0.0.1" },
    portVariable: "PORT",
    healthPath: "/",
    profileTo: undefined,
  });
  return {
    gateway: started,
    headers: {
      authorization: "Bearer any",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${upstreamOrigin}/v1`,
    },
  };
}

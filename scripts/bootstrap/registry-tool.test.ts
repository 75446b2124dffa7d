import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listeningPort, temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { registryTool } from "./registry-tool.mjs";

/** An npm that does what the shell script says, the first thing on the PATH. */
async function fakeNpm(script: string) {
  const bin = await temporaryFolder();
  const npm = join(bin, "npm");
  writeFileSync(npm, `#!/bin/sh\n${script}\n`);
  chmodSync(npm, 0o755);
  const folder = join(await temporaryFolder(), "tools", "thing-1.0.0");
  const env = { PATH: `${bin}:/usr/bin:/bin` };
  return {
    folder,
    fetch: () => registryTool({ name: "@acme/thing", version: "1.0.0", folder, env, integrity: "sha512-abc=" }),
  };
}

// "npm ci --prefix FOLDER …": makes the package as npm would, and notes its arguments.
const installs = 'mkdir -p "$3/node_modules/@acme/thing" && echo "$@" >"$3/arguments"';

/** What it says when npm does not deliver. */
async function refusal(script: string): Promise<string> {
  const { folder, fetch } = await fakeNpm(script);
  const message = await fetch().catch((error: unknown) => String(error));
  expect(existsSync(folder)).toBe(false);
  expect(existsSync(`${folder}.partial`)).toBe(false);
  return message;
}

describe("a package that npm delivers", () => {
  test("is asked for by its exact version, with install scripts off", async () => {
    const { folder, fetch } = await fakeNpm(installs);
    expect(await fetch()).toBe(join(folder, "node_modules", "@acme", "thing"));
    const asked = readFileSync(join(folder, "arguments"), "utf8");
    expect(asked).toContain("--ignore-scripts");
    expect(asked).not.toContain("--registry");
    const project = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    expect(project).toEqual({ private: true, dependencies: { "@acme/thing": "1.0.0" } });
    const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
    expect(packages).toEqual({
      "": project,
      "node_modules/@acme/thing": { version: "1.0.0", integrity: "sha512-abc=" },
    });
  });

  test("is asked for where Corepack stands in for npm, which refuses npm in a project of pnpm", async () => {
    const { folder, fetch } = await fakeNpm(`test "$COREPACK_ENABLE_PROJECT_SPEC" = 0 && ${installs}`);
    expect(await fetch()).toBe(join(folder, "node_modules", "@acme", "thing"));
  });

  test("is not asked for again", async () => {
    const { folder, fetch } = await fakeNpm("exit 1");
    mkdirSync(join(folder, "node_modules", "@acme", "thing"), { recursive: true });
    expect(await fetch()).toBe(join(folder, "node_modules", "@acme", "thing"));
  });
});

describe("a package that npm does not deliver leaves nothing behind, and the reason is a sentence", () => {
  test.each(["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT"])("no network: %s", async (code) => {
    expect(await refusal(`echo "npm error code ${code}" >&2; exit 1`)).toContain(
      `The npm registry cannot be reached (${code}), so @acme/thing@1.0.0 could not be fetched.`,
    );
  });

  test("a full disk", async () => {
    expect(await refusal('echo "npm error code ENOSPC" >&2; exit 1')).toContain("The disk is full");
  });

  test("another package than the checkout knows", async () => {
    const npm = 'echo "npm error code EINTEGRITY" >&2; exit 1';
    expect(await refusal(npm)).toContain(
      "@acme/thing@1.0.0 that the registry sent is not the one that this checkout knows",
    );
  });

  test("anything else: in npm's own words", async () => {
    expect(await refusal('echo "npm error 404 no such package" >&2; exit 1')).toContain(
      "npm could not fetch @acme/thing@1.0.0. It said:\n  npm error 404 no such package",
    );
  });

  test("an interrupted fetch is started afresh", async () => {
    const { folder, fetch } = await fakeNpm(`test ! -e "$3/half" && ${installs}`);
    mkdirSync(join(`${folder}.partial`, "half"), { recursive: true });
    await fetch();
    expect(existsSync(join(folder, "half"))).toBe(false);
  });
});

test("npm itself refuses a package whose bytes have another hash", async () => {
  const source = await temporaryFolder();
  writeFileSync(join(source, "package.json"), '{ "name": "thing", "version": "1.0.0" }');
  const packed = spawnSync("npm", ["pack", "--json", "--pack-destination", source], { cwd: source, encoding: "utf8" });
  const [{ filename, integrity }] = JSON.parse(packed.stdout);
  const tarball = readFileSync(join(source, filename));
  const registry = createServer(({ url, headers }, response) => {
    const dist = { tarball: `http://${headers.host}/thing.tgz`, integrity };
    const versions = { "1.0.0": { name: "thing", version: "1.0.0", dist } };
    response.end(
      url === "/thing.tgz" ? tarball : JSON.stringify({ name: "thing", "dist-tags": { latest: "1.0.0" }, versions }),
    );
  });
  onTestFinished(() => void registry.close());
  const port = await listeningPort(registry.listen(0, "127.0.0.1"));
  const env = {
    ...process.env,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_cache: join(source, "cache"),
  };
  const fetch = async (hash: string) => {
    const folder = join(await temporaryFolder(), "thing");
    return registryTool({ name: "thing", version: "1.0.0", folder, env, integrity: hash });
  };
  const other = `sha512-${createHash("sha512").update("another").digest("base64")}`;
  await expect(fetch(other)).rejects.toThrow("is not the one that this checkout knows");
  expect(existsSync(join(await fetch(integrity), "package.json"))).toBe(true);
});

test("without npm it says how to get it", async () => {
  const folder = join(await temporaryFolder(), "thing");
  const fetch = registryTool({ name: "thing", version: "1.0.0", folder, env: { PATH: "/nowhere" } });
  await expect(fetch).rejects.toThrow("npm was not found");
});

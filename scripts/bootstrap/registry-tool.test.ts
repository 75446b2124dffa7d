import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { registryTool } from "./registry-tool.mjs";

/** An npm that does what the shell script says, the first thing on the PATH. */
async function fakeNpm(script: string) {
  const bin = await temporaryFolder();
  const npm = join(bin, "npm");
  writeFileSync(npm, `#!/bin/sh\n${script}\n`);
  chmodSync(npm, 0o755);
  const folder = join(await temporaryFolder(), "tools", "thing-1.0.0");
  const env = { PATH: `${bin}:/usr/bin:/bin` };
  return { folder, fetch: () => registryTool({ name: "@acme/thing", version: "1.0.0", folder, env }) };
}

// "npm install --prefix FOLDER …": makes the package as npm would, and notes its arguments.
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
    expect(asked).toContain("@acme/thing@1.0.0");
    expect(asked).not.toContain("--registry");
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

test("without npm it says how to get it", async () => {
  const folder = join(await temporaryFolder(), "thing");
  const fetch = registryTool({ name: "thing", version: "1.0.0", folder, env: { PATH: "/nowhere" } });
  await expect(fetch).rejects.toThrow("npm was not found");
});

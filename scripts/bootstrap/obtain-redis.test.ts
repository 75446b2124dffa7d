import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { obtainRedis } from "./obtain-redis.mjs";

/** A machine whose PATH has these programs and nothing else; each is a shell script. */
async function machine(programs: Record<string, string>) {
  const bin = await temporaryFolder();
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { bin, env: { PATH: bin } };
}

const isRoot = process.getuid?.() === 0;
// Absolute paths: the fake machine has no coreutils.
const installsRedis = `[ "$1" = update ] || { echo "$@" >"$0.asked"; /bin/cp "$0" "\${0%/*}/redis-server"; }`;

describe("a Redis server that is there is used", () => {
  test("redis-server before valkey-server", async () => {
    const { bin, env } = await machine({ "redis-server": "", "valkey-server": "", "apt-get": "exit 9" });
    expect(await obtainRedis(env)).toBe(join(bin, "redis-server"));
  });

  test("valkey-server when it is the only one", async () => {
    const { bin, env } = await machine({ "valkey-server": "", "apt-get": "exit 9" });
    expect(await obtainRedis(env)).toBe(join(bin, "valkey-server"));
  });
});

describe("a Redis server that is missing", () => {
  test.skipIf(!isRoot)("is installed with apt-get, as root without sudo", async () => {
    const { bin, env } = await machine({ "apt-get": installsRedis });
    expect(await obtainRedis(env)).toBe(join(bin, "redis-server"));
    expect(readFileSync(join(bin, "apt-get.asked"), "utf8")).toBe("install -yq --no-install-recommends redis-server\n");
  });

  test.skipIf(isRoot)("is installed with sudo when that needs no password", async () => {
    const { bin, env } = await machine({ "apt-get": installsRedis, sudo: 'shift; [ "$1" = true ] || "$@"', true: "" });
    expect(await obtainRedis(env)).toBe(join(bin, "redis-server"));
  });

  test.skipIf(isRoot || process.stdin.isTTY)(
    "is not installed when sudo wants a password: it says what to type",
    async () => {
      const { env } = await machine({ "apt-get": "exit 9", sudo: "exit 1" });
      await expect(obtainRedis(env)).rejects.toThrow("\n  sudo apt-get install -y redis-server");
    },
  );

  test("is installed with brew", async () => {
    const { bin, env } = await machine({ brew: `/bin/cp "$0" "\${0%/*}/redis-server"; echo "$@" >"$0.asked"` });
    expect(await obtainRedis(env)).toBe(join(bin, "redis-server"));
    expect(readFileSync(join(bin, "brew.asked"), "utf8")).toBe("install redis\n");
  });

  test.each([
    ["dnf", "sudo dnf install -y redis"],
    ["apk", "sudo apk add redis"],
    ["pacman", "sudo pacman -S redis"],
  ])("on a system with %s it says what to type", async (program, command) => {
    const { bin, env } = await machine({ [program]: `echo ran >"$0.asked"` });
    await expect(obtainRedis(env)).rejects.toThrow(`\n  ${command}`);
    expect(existsSync(join(bin, `${program}.asked`))).toBe(false);
  });

  test("and no package manager: it says so", async () => {
    await expect(obtainRedis({ PATH: "/nowhere" })).rejects.toThrow("your system's package manager");
  });

  test.skipIf(!isRoot)("and a package manager that fails: in its own words", async () => {
    const { env } = await machine({ "apt-get": 'echo "E: Unable to fetch some archives" >&2; exit 100' });
    await expect(obtainRedis(env)).rejects.toThrow("apt-get said:\n  E: Unable to fetch some archives");
  });
});

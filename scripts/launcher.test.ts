import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { bareMachinePath, listeningPort, temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer } from "node:http";

const checkout = resolve(import.meta.dirname, "..");

type Launch = { launcher?: string; path?: string; folder?: string; env?: Record<string, string> };

/** `./darkroom …` on a machine with Node 18 or newer and nothing else, by a person who stands in `folder`. */
async function launch(args: readonly string[], { launcher, path, folder, env = {} }: Launch = {}) {
  const child = spawn(launcher ?? join(checkout, "darkroom"), args, {
    cwd: folder ?? (await temporaryFolder()),
    env: { PATH: path ?? (await bareMachinePath()), STATE_DIRECTORY: await temporaryFolder(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code, signal]]) => ({ stdout, stderr, code, signal }),
  );
  return { child, ended };
}

const run = async (args: readonly string[], options: Launch = {}) => (await launch(args, options)).ended;

/** A checkout whose path is what a person may have chosen. What is not started by the launcher itself is a link to this one. */
async function checkoutAt(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await mkdir(folder);
  for (const entry of await readdir(checkout)) {
    if (["darkroom", "scripts"].includes(entry))
      await cp(join(checkout, entry), join(folder, entry), { recursive: true });
    else await symlink(join(checkout, entry), join(folder, entry));
  }
  return folder;
}

describe("./darkroom on a machine with Node alone", () => {
  test("shows its help, from any folder", async () => {
    const ran = await run(["--help"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain("Usage: darkroom");
  });

  test.each(["with a space", "it's", "$HOME", "-n"])("works in a checkout called %s", async (name) => {
    const ran = await run(["--help"], { launcher: join(await checkoutAt(name), "darkroom") });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
  });

  test("works through symlinks, absolute and relative, and by its name alone where the PATH has one", async () => {
    const folder = await temporaryFolder();
    const inside = join(folder, "two words");
    await mkdir(inside);
    await symlink(join(checkout, "darkroom"), join(inside, "absolute"));
    await symlink("two words/absolute", join(folder, "darkroom"));
    expect(await run(["--help"], { launcher: join(folder, "darkroom") })).toMatchObject({ code: 0, stderr: "" });
    expect(await run(["--help"], { launcher: "./darkroom", folder })).toMatchObject({ code: 0, stderr: "" });
    const path = `${folder}:${await bareMachinePath()}`;
    expect(await run(["-c", "darkroom --help"], { launcher: "sh", path })).toMatchObject({ code: 0, stderr: "" });
  });

  test("takes paths from where the person stands, and arguments as they are", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "a b"));
    await writeFile(join(folder, "a b", "$x 'y'.jsonl"), "");
    const url = ["--url", "http://127.0.0.1:1"];
    const env = { DARKROOM_API_KEY: "k" };
    const ran = await run(["batch", "submit", "a b/$x 'y'.jsonl", "--yes", ...url], { folder, env });
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("a b/$x 'y'.jsonl: there is nothing in it to draw");
  });

  test("hands the exit code on", async () => {
    expect(await run(["paint"])).toMatchObject({ code: 2, stdout: "" });
  });

  test("ends by the signal that ended the command, so that a shell script stops too", async () => {
    const server = createServer();
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const port = await listeningPort(server.listen(0, "127.0.0.1"));
    const env = { DARKROOM_URL: `http://127.0.0.1:${port}`, DARKROOM_ADMIN_KEY: "k" };
    const { child, ended } = await launch(["keys", "list"], { env });
    await once(server, "request");
    child.kill("SIGINT");
    expect(await ended).toEqual({ stdout: "", stderr: "", code: null, signal: "SIGINT" });
  });
});

test("./darkroom on a machine without Node says what it needs", async () => {
  const path = await temporaryFolder();
  for (const name of ["dirname", "readlink", "env"]) await symlink(`/usr/bin/${name}`, join(path, name));
  const ran = await run(["--help"], { path });
  expect(ran).toMatchObject({ code: 1, stdout: "" });
  expect(ran.stderr).toContain("Darkroom needs Node 18 or newer, and there is no node on the PATH.");
});

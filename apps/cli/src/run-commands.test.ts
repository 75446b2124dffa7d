import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { childEnvironment, freePort, listeningPort, temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { runDarkroom } from "./stubs/run-darkroom.ts";
import { type StubAnswer, startStubService } from "./stubs/stub-service.ts";

const empty = { object: "list", data: [], first_id: null, last_id: null, has_more: false };
const withoutTrace = /\n\s+at /;

/** `keys list` against a service that answers so. */
async function list(answer: StubAnswer, env: Record<string, string> = {}) {
  const service = await startStubService(() => answer);
  const ran = await runDarkroom(["keys", "list"], { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "secret", ...env });
  return { ...ran, url: service.url, asked: service.asked };
}

describe("wrong usage exits with 2, and shows the help", () => {
  test.each([["paint"], ["keys"], ["keys paint"], ["keys list --colour"], ["keys show"], ["keys list --url x"]])(
    "darkroom %s",
    async (line) => {
      const ran = await runDarkroom(line.split(" "));
      expect(ran).toMatchObject({ code: 2, stdout: "" });
      expect(ran.stderr).toContain("Usage: darkroom");
    },
  );
});

test.each([[[]], [["--help"]], [["help", "keys"]], [["keys", "create", "--help"]]])(
  "help that was asked for is a result: darkroom %j",
  async (args) => {
    const ran = await runDarkroom(args);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain("Usage: darkroom");
  },
);

describe("a problem exits with 1 and one sentence", () => {
  test("the API's own, with the parameter", async () => {
    const error = { message: "Invalid 'limit': it is odd.", type: "invalid_request_error", param: "limit", code: "x" };
    expect(await list({ status: 400, body: { error } })).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "Invalid 'limit': it is odd. (limit)\n",
    });
  });

  test("an answer that is not Darkroom's", async () => {
    const ran = await list({ status: 502, body: "<html>Bad Gateway</html>" });
    expect(ran).toMatchObject({
      code: 1,
      stderr: `${ran.url} answered 502, and not as Darkroom does. Is the address right?\n`,
    });
  });

  test("an answer of another shape", async () => {
    const ran = await list({ body: { data: "none" } });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("Are both of the same version?");
    expect(ran.stderr).not.toMatch(withoutTrace);
  });

  test("a redirect, which is not followed", async () => {
    const ran = await list({ status: 301, headers: { location: "https://elsewhere.test/" }, body: "" });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("redirects to https://elsewhere.test/");
  });

  test("nothing listens there", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const ran = await list({ body: empty }, { DARKROOM_URL: url });
    expect(ran).toMatchObject({
      code: 1,
      stderr: `Nothing answers at ${url} (ECONNREFUSED). Is Darkroom running there?\n`,
    });
  });

  test("a connection that breaks, where the doubt is told too", async () => {
    const server = createServer((request) => void request.socket.destroy());
    onTestFinished(() => void server.close());
    const port = await listeningPort(server.listen(0, "127.0.0.1"));
    const env = { DARKROOM_URL: `http://127.0.0.1:${port}`, DARKROOM_ADMIN_KEY: "k" };
    const ran = await runDarkroom(["keys", "create", "--tenant", "a", "--name", "b"], env);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("It may have done what was asked all the same");
    expect(ran.stderr).not.toMatch(withoutTrace);
  });

  test("a key that no header can hold, without repeating it", async () => {
    const ran = await list({ body: empty }, { DARKROOM_ADMIN_KEY: "very secret" });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("DARKROOM_ADMIN_KEY: must be one word");
    expect(ran.stderr).not.toContain("very secret");
  });
});

describe("the service of a command", () => {
  /** A folder in which the local stack says that it is there. */
  async function localState(facts: object): Promise<string> {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, "local.json"), JSON.stringify(facts));
    return folder;
  }

  test("is the local stack with its own keys, when nothing else is named", async () => {
    const service = await startStubService(() => ({ body: empty }));
    const state = await localState({ baseUrl: `${service.url}/v1`, apiKey: "local", adminKey: "local-admin" });
    expect(await runDarkroom(["keys", "list"], { STATE_DIRECTORY: state })).toMatchObject({ code: 0 });
    expect(service.asked).toMatchObject([{ line: "GET /admin/keys?limit=100", authorization: "Bearer local-admin" }]);
  });

  test("is the one of --url before that of DARKROOM_URL, with or without /v1", async () => {
    const service = await startStubService(() => ({ body: empty }));
    const env = { DARKROOM_URL: "http://127.0.0.1:1", DARKROOM_ADMIN_KEY: "k" };
    await runDarkroom(["keys", "list", "--url", `${service.url}/v1/`], env);
    await runDarkroom(["keys", "list", "--url", `${service.url}/darkroom`], env);
    expect(service.asked.map(({ line }) => line)).toEqual([
      "GET /admin/keys?limit=100",
      "GET /darkroom/admin/keys?limit=100",
    ]);
  });

  test("is never told the keys of the local stack when it is another", async () => {
    const service = await startStubService(() => ({ body: empty }));
    const state = await localState({ baseUrl: "http://127.0.0.1:1/v1", apiKey: "local", adminKey: "local-admin" });
    const ran = await runDarkroom(["keys", "list", "--url", service.url], { STATE_DIRECTORY: state });
    expect(ran).toMatchObject({
      code: 1,
      stderr: `${service.url} requires the admin key: set DARKROOM_ADMIN_KEY in the environment.\n`,
    });
    expect(service.asked).toEqual([]);
  });

  test("is missing when no stack runs", async () => {
    const ran = await runDarkroom(["keys", "list"], { STATE_DIRECTORY: await temporaryFolder() });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^No Darkroom runs from this checkout\. Start one with `npm start`/);
  });
});

test("Ctrl-C ends a command that waits, without a word", async () => {
  const server = createServer();
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  const child = spawn(process.execPath, [resolve(import.meta.dirname, "main.ts"), "keys", "list"], {
    env: { ...childEnvironment(), DARKROOM_URL: `http://127.0.0.1:${port}`, DARKROOM_ADMIN_KEY: "k" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk));
  await once(server, "request");
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([null, "SIGINT"]);
  expect(printed).toBe("");
});

test("a reader that has read enough is no problem", async () => {
  const service = await startStubService(() => ({ body: empty }));
  const child = spawn(process.execPath, [resolve(import.meta.dirname, "main.ts"), "keys", "list", "--json"], {
    env: { ...childEnvironment(), DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "k" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => (told += chunk));
  expect(await once(child, "close")).toEqual([0, null]);
  expect(told).toBe("");
});

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { hashApiKey } from "@darkroom/accounts";
import { freePort, listeningPort, temporaryFolder, testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { readConfig } from "./config.ts";
import { redisAnswer } from "./redis-answer.ts";
import { runStack } from "./run-stack.ts";
import { hasRedisServer, isAlive, launchStack, redisServer } from "./stubs/launch-stack.ts";
import { waitUntil } from "./wait-until.ts";

const allGone = (pids: number[]) => waitUntil(() => Promise.resolve(!pids.some(isAlive)), 10_000);

async function takenPort(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  return listeningPort(server.listen(0, "127.0.0.1"));
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

/** What a stack prints that ends with 1 instead of starting. */
async function refusal(folder: string, env: Record<string, string> = {}): Promise<string> {
  const stack = await launchStack(folder, env);
  expect(await stack.ended).toBe(1);
  expect(stack.printed()).not.toMatch(/\n\s+at /);
  return stack.printed();
}

describe.skipIf(!hasRedisServer)("a stack that starts", () => {
  test("prints where it is and leaves the same facts in a file for its owner only", async () => {
    const folder = await temporaryFolder();
    const stack = await launchStack(folder);
    await stack.ready;
    const { baseUrl, apiKey, adminKey } = stack.facts();
    expect(adminKey).toMatch(/^sk-darkroom-/);
    expect(stack.printed()).not.toContain(adminKey);
    expect(baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    expect(stack.printed()).toContain(`curl ${baseUrl}/images/generations`);
    expect(stack.printed()).toContain('./darkroom draw "A lighthouse" --out lighthouse.png\n');
    expect(stack.printed()).toContain(`{"model": "dall-e-3", "prompt"`);
    expect(stack.printed()).toContain(apiKey);
    expect(statSync(join(folder, "local.json")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "secrets.json")).mode & 0o777).toBe(0o600);
  });

  test("says nothing before its address, and what the processes warn of at their start below it", async () => {
    const stack = await launchStack(await temporaryFolder());
    await stack.ready;
    await expect
      .poll(stack.printed)
      .toMatch(/(api|worker): The stub warns at its start\.\n(api|worker): The stub warns/);
    expect(stack.printed().trimStart()).toMatch(/^Darkroom is ready\./);
  });

  test("tells api and worker the same Redis, store and links, the hashes of the keys, and passes provider keys on", async () => {
    const stack = await launchStack(await temporaryFolder(), { OPENAI_API_KEY: "sk-upstream" });
    await stack.ready;
    const { apiKey, adminKey = "", baseUrl } = stack.facts();
    for (const which of ["api", "worker"] as const) {
      const { env } = await stack.stub(which);
      expect(env).toMatchObject({
        STORAGE: "filesystem",
        SANDBOX_FALLBACK: "true",
        OPENAI_API_KEY: "sk-upstream",
        API_KEYS: `local:start:${hashApiKey(apiKey)}`,
        ADMIN_KEY_SHA256: hashApiKey(adminKey),
        PUBLIC_BASE_URL: new URL(baseUrl).origin,
      });
      expect(env["REDIS_URL"]).toMatch(/^redis:\/\/:[\w-]{43}@127\.0\.0\.1:\d+$/);
      for (const key of [apiKey, adminKey]) expect(Object.values(env)).not.toContain(key);
    }
  });

  test("leaves a secret to the file that a person has named for it, so that none is set twice", async () => {
    const folder = await temporaryFolder();
    const inFiles = {
      LINK_SIGNING_SECRET_FILE: join(folder, "links"),
      WEBHOOK_SIGNING_SECRET_FILE: join(folder, "webhooks"),
    };
    const stack = await launchStack(folder, { ...inFiles, OPENAI_API_KEY_FILE: join(folder, "openai") });
    await stack.ready;
    for (const which of ["api", "worker"] as const) {
      const { env } = await stack.stub(which);
      expect(env).toMatchObject(inFiles);
      for (const name of ["LINK_SIGNING_SECRET", "WEBHOOK_SIGNING_SECRET", "OPENAI_API_KEY"])
        expect(env).not.toHaveProperty(name);
    }
  });

  test("hands the Redis on that a file names, and not the file", async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, "redis-url"), `${testRedisUrl()}\n`);
    const stack = await launchStack(folder, { REDIS_URL_FILE: join(folder, "redis-url") });
    await stack.ready;
    const { env } = await stack.stub("worker");
    expect(env).toMatchObject({ REDIS_URL: testRedisUrl() });
    expect(env).not.toHaveProperty("REDIS_URL_FILE");
  });

  test("runs a Redis that answers nobody without its password, which no argument and no output tells", async () => {
    const folder = await temporaryFolder();
    const stack = await launchStack(folder);
    await stack.ready;
    const port = Number(readFileSync(join(folder, "redis", "port"), "utf8"));
    expect(await redisAnswer({ host: "127.0.0.1", port }, "KEYS *")).toMatch(/^-NOAUTH/);
    expect(await stack.redis("PING")).toBe("+PONG\r\n");
    const password = new URL((await stack.stub("api")).env["REDIS_URL"] ?? "").password;
    const [server = 0] = await stack.pids();
    const commandLine = spawnSync("ps", ["-o", "args=", "-p", String(server)], { encoding: "utf8" });
    expect(commandLine.stdout).toContain("redis");
    expect(commandLine.stdout).not.toContain(password);
    expect(stack.printed()).not.toContain(password);
  });

  test("shuts what it keeps to the other users of the machine, in a folder of an older checkout too", async () => {
    const folder = await temporaryFolder();
    const parts = ["redis", "images", "logs"];
    for (const part of parts) mkdirSync(join(folder, part), { mode: 0o755 });
    const stack = await launchStack(folder);
    await stack.ready;
    expect(parts.map((part) => modeOf(join(folder, part)))).toEqual([0o700, 0o700, 0o700]);
    expect(modeOf(join(folder, "redis", "redis.conf"))).toBe(0o600);
    expect(modeOf(join(folder, "redis", "password"))).toBe(0o600);
    // A folder that the user has named may be one that others use.
    expect(modeOf(folder)).toBe(modeOf(await temporaryFolder()));
  });

  test("shuts the folder in the checkout itself, which an older release left open", async () => {
    const stateDirectory = await temporaryFolder();
    chmodSync(stateDirectory, 0o755);
    const config = { ...readConfig({ PORT: String(await takenPort()) }), stateDirectory };
    expect(config.ownsStateDirectory).toBe(true);
    const programs = { api: "none", worker: "none" };
    const running = runStack({ config, programs, stopRequested: new Promise(() => {}), say: () => {} });
    await expect(running).rejects.toThrow(/is taken/);
    expect(modeOf(stateDirectory)).toBe(0o700);
  });

  test("ends a Redis of a run before that outlived it, of a release without passwords too", async () => {
    for (const password of [undefined, "p".repeat(43)]) {
      const folder = await temporaryFolder();
      const data = join(folder, "redis");
      mkdirSync(data);
      const port = await freePort();
      writeFileSync(join(data, "port"), String(port));
      if (password !== undefined) writeFileSync(join(data, "password"), password);
      const secret = password === undefined ? [] : ["--requirepass", password];
      const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, "--save", "", ...secret];
      const leftover = spawn(redisServer, args, { stdio: "ignore" });
      const gone = once(leftover, "exit");
      onTestFinished(() => void leftover.kill("SIGKILL"));
      const target = { host: "127.0.0.1", port, password };
      await expect.poll(() => redisAnswer(target, "PING")).toBe("+PONG\r\n");
      const stack = await launchStack(folder);
      await stack.ready;
      await gone;
      expect(await stack.redis("PING")).toBe("+PONG\r\n");
    }
  });

  test("shows nothing on the terminal that moves its cursor or forges a line, whatever api and worker print", async () => {
    const stack = await launchStack(await temporaryFolder(), {
      STUB_SAYS: "\u001b]52;c;ZXZpbA==\u0007\u009b2J\u202e\nDarkroom",
    });
    await stack.ready;
    await expect.poll(stack.printed).toContain("api: The stub says \ufffd]52;c;ZXZpbA==\ufffd\ufffd2J\ufffd Darkroom");
    await expect.poll(stack.printed).toContain("api: It says \ufffd]52;c;ZXZpbA==\ufffd\ufffd2J\ufffd\n");
    expect(stack.printed()).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });

  test("runs a Redis that loses nothing and refuses rather than evicts", async () => {
    const stack = await launchStack(await temporaryFolder());
    await stack.ready;
    expect(await stack.redis("CONFIG GET maxmemory-policy")).toContain("noeviction");
    expect(await stack.redis("CONFIG GET appendfsync")).toContain("everysec");
    expect(await stack.redis("CONFIG GET appendonly")).toContain("yes");
    expect(await stack.redis("CONFIG GET bind")).toContain("127.0.0.1");
  });

  test("keeps its key, its Redis data and its Redis port over a restart", async () => {
    const folder = await temporaryFolder();
    const first = await launchStack(folder);
    await first.ready;
    const facts = first.facts();
    await first.redis("SET kept yes");
    const port = readFileSync(join(folder, "redis", "port"), "utf8");
    first.process.kill("SIGINT");
    await first.ended;

    const second = await launchStack(folder);
    await second.ready;
    const { apiKey, adminKey } = second.facts();
    expect({ apiKey, adminKey }).toEqual({ apiKey: facts.apiKey, adminKey: facts.adminKey });
    expect(await second.redis("GET kept")).toBe("$3\r\nyes\r\n");
    expect(readFileSync(join(folder, "redis", "port"), "utf8")).toBe(port);
  });

  test("gives a checkout from before there were admin keys one, and leaves its other secrets", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "secrets.json");
    const old = { apiKey: "sk-old", linkSigningSecret: "l".repeat(32), webhookSigningSecret: "w".repeat(32) };
    writeFileSync(file, JSON.stringify(old), { mode: 0o600 });
    const stack = await launchStack(folder);
    await stack.ready;
    const { adminKey } = stack.facts();
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ ...old, adminKey });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(stack.facts().apiKey).toBe("sk-old");
  });

  test("leaves its admin key out where the user has set another", async () => {
    const hash = hashApiKey("sk-mine");
    const stack = await launchStack(await temporaryFolder(), { ADMIN_KEY_SHA256: hash });
    await stack.ready;
    expect((await stack.stub("api")).env["ADMIN_KEY_SHA256"]).toBe(hash);
    expect(stack.facts().adminKey).toBeUndefined();
  });

  test("takes another port than 4000 when that is taken, and says so", async () => {
    const usual = createServer();
    onTestFinished(() => void usual.close());
    // Where another program has it already, it is taken as well.
    await new Promise((resolve) => usual.once("error", resolve).listen(4000, "127.0.0.1", () => resolve(undefined)));
    const stack = await launchStack(await temporaryFolder(), { PORT: "" });
    await stack.ready;
    expect(stack.printed()).toMatch(/Port 4000 is taken; using 4\d\d\d\./);
  });

  test("is not ready by the api of another checkout, which has taken the port since it was chosen", async () => {
    const stack = await launchStack(await temporaryFolder(), { STUB_AFTER_ANOTHER: "yes" });
    await stack.ready;
    expect((await stack.stub("api")).env).toHaveProperty("STUB_AFTER_ANOTHER");
  });

  test("uses the Redis of REDIS_URL and starts none", async () => {
    const first = await launchStack(await temporaryFolder());
    await first.ready;
    const { env } = await first.stub("api");
    const second = await launchStack(await temporaryFolder(), { REDIS_URL: env["REDIS_URL"] ?? "" });
    await second.ready;
    expect((await second.stub("worker")).env["REDIS_URL"]).toBe(env["REDIS_URL"]);
    await expect(second.redis("PING")).rejects.toThrow("ENOENT");
  });
});

describe.skipIf(!hasRedisServer)("a stack that ends", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("on %s ends every child and exits with 0", async (signal) => {
    const folder = await temporaryFolder();
    const stack = await launchStack(folder);
    await stack.ready;
    const pids = await stack.pids();
    expect(pids.every(isAlive)).toBe(true);
    stack.process.kill(signal);
    expect(await stack.ended).toBe(0);
    expect(pids.some(isAlive)).toBe(false);
    expect(() => stack.facts()).toThrow("ENOENT");
    // Warnings of the children reach the terminal, and tell the order: worker, api, and Redis after both.
    const stops = [...stack.printed().matchAll(/(worker|api): The stub on \d+ stops/g)].map((match) => match[1]);
    expect(stops).toEqual(["worker", "api"]);
  });

  test("when the process that started it is gone", async () => {
    const stack = await launchStack(await temporaryFolder());
    await stack.ready;
    const pids = await stack.pids();
    stack.process.disconnect();
    expect(await stack.ended).toBe(0);
    expect(pids.some(isAlive)).toBe(false);
  });

  test("by kill -9 takes its children along, and the next start works", async () => {
    const folder = await temporaryFolder();
    const stack = await launchStack(folder);
    await stack.ready;
    const pids = await stack.pids();
    await stack.redis("SET kept yes");
    stack.process.kill("SIGKILL");
    await stack.ended;
    const next = await launchStack(folder);
    await next.ready;
    expect(await next.redis("GET kept")).toBe("$3\r\nyes\r\n");
    expect(await allGone(pids)).toBe(true);
  });

  test("because a child died: names it, shows its last lines, stops the others, exits with 1", async () => {
    const stack = await launchStack(await temporaryFolder());
    await stack.ready;
    const pids = await stack.pids();
    await fetch(`${stack.facts().baseUrl.replace("/v1", "")}/crash`).catch(() => {});
    expect(await stack.ended).toBe(1);
    expect(stack.printed()).toContain("The api stopped by itself (exit code 3). Its last lines:");
    expect(stack.printed()).toContain("  The stub was asked to crash.");
    expect(pids.some(isAlive)).toBe(false);
  });
});

describe("a stack that cannot start says so in a sentence and exits with 1", () => {
  test("when the port that was asked for is taken", async () => {
    const port = await takenPort();
    expect(await refusal(await temporaryFolder(), { PORT: String(port) })).toMatch(
      new RegExp(`Port ${port} on 127.0.0.1 is taken`),
    );
  });

  test("when a setting makes no sense", async () => {
    expect(await refusal(await temporaryFolder(), { PORT: "many" })).toMatch(/PORT: must be a number/);
    expect(await refusal(await temporaryFolder(), { REDIS_URL: "localhost" })).toMatch(
      /REDIS_URL: must look like redis:\/\/host:6379/,
    );
  });

  test("when its folder cannot be made", async () => {
    const file = join(await temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(await refusal(join(file, "state"))).toMatch(/Darkroom cannot use .*file.* \(ENOTDIR\)/);
  });

  test.skipIf(process.getuid?.() === 0)("when its folder is read-only", async () => {
    const folder = await temporaryFolder();
    chmodSync(folder, 0o500);
    expect(await refusal(folder)).toMatch(/Darkroom cannot use .* \(EACCES\)/);
  });

  test("when there is no Redis to start", async () => {
    const env = { REDIS_SERVER: "/no/such/redis-server" };
    expect(await refusal(await temporaryFolder(), env)).toMatch(
      /The redis stopped by itself \(it could not be started: .*ENOENT/,
    );
  });

  test("when its secrets are damaged", async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, "secrets.json"), "{");
    expect(await refusal(folder)).toMatch(/secrets\.json is damaged\. Delete it/);
  });

  test.skipIf(!hasRedisServer)("when it is already running from the same folder", async () => {
    const folder = await temporaryFolder();
    const first = await launchStack(folder);
    await first.ready;
    expect(await refusal(folder)).toMatch(/Darkroom is already running from this folder/);
    expect(isAlive(first.process.pid ?? 0)).toBe(true);
  });
});

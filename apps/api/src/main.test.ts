import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema } from "@darkroom/contracts";
import { connectWorker } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { apiKey } from "./api.fixture.ts";
import { startProcess } from "./process.fixture.ts";

test("it starts, logs a line for each request without the key or the prompt, and stops on SIGTERM", async () => {
  const { child, lines, baseUrl, exitCode } = startProcess();
  const headers = {
    authorization: `Bearer ${apiKey}`,
    "x-client-request-id": "my-own-id",
    "content-type": "application/json",
  };
  const answer = await fetch(`${await baseUrl}/v1/images/generations?secret=1`, {
    method: "POST",
    headers,
    body: JSON.stringify({ prompt: "a very private cat", model: "dall-e-2", n: 11 }),
  });
  expect(answer.status).toBe(400);
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);
  expect(lines.filter(({ status }) => status !== undefined)).toEqual([
    expect.objectContaining({
      msg: "POST /v1/images/generations was answered with 400",
      requestId: answer.headers.get("x-request-id"),
      clientRequestId: "my-own-id",
      tenant: "acme",
      keyId: expect.stringMatching(/^key_/),
      status: 400,
      errorCode: "invalid_request_error",
      durationMs: expect.any(Number),
    }),
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/private cat|sk-test|secret/);
});

test("it warns in one line of the models whose prices have gaps", async () => {
  const folder = mkdtempSync(join(tmpdir(), "darkroom-models-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "models.yaml");
  writeFileSync(file, "models: { dall-e-2: { prices: null }, dall-e-3: { prices: { perImageMicros: { hd: null } } } }");
  const warnings = await pricesWarnings({ MODELS_FILE: file });
  const missing = {
    "dall-e-2": ["none at all"],
    "dall-e-3": ["1024x1024 at hd", "1792x1024 at hd", "1024x1792 at hd"],
  };
  expect(warnings).toEqual([expect.objectContaining({ missing })]);
  for (const model of Object.keys(missing)) expect(warnings[0]?.msg).toContain(`'${model}'`);
});

test("it warns of no price of the built-in models", async () => {
  expect(await pricesWarnings()).toEqual([]);
});

test("it warns in one line of the models that are switched off and that nothing draws for", async () => {
  // The days of the first two are over for good.
  expect(await warningsAtStart()).toContainEqual(
    expect.objectContaining({
      msg: expect.stringMatching(/switched off 'dall-e-2', 'dall-e-3'.*RETIRED_MODELS=successor/),
      retired: expect.objectContaining({ "dall-e-3": { since: "2026-05-12", successor: "gpt-image-2.5-flare" } }),
    }),
  );
  const warnings = await warningsAtStart({ RETIRED_MODELS: "successor" });
  expect(warnings.filter(({ msg }) => msg.includes("switched off"))).toEqual([]);
});

/** What a process warns of prices when it starts. */
const pricesWarnings = async (settings: Record<string, string> = {}) =>
  (await warningsAtStart(settings)).filter(({ msg }) => msg.includes("prices"));

async function warningsAtStart(settings: Record<string, string> = {}) {
  const { child, lines, baseUrl, exitCode } = startProcess(settings);
  await baseUrl;
  child.kill("SIGTERM");
  await exitCode();
  return lines.filter((line) => line["level"] === 40);
}

test("with an admin key it needs no list of keys, and neither log nor Redis has a key in it", async () => {
  const redis = await startRedis({ persist: false });
  onTestFinished(redis.stop);
  const adminKey = newApiKey();
  const settings = { API_KEYS: "", ADMIN_KEY_SHA256: hashApiKey(adminKey), REDIS_URL: redis.url, LOG_LEVEL: "debug" };
  const { child, lines, baseUrl, exitCode } = startProcess(settings);
  const origin = await baseUrl;
  const ask = async (key: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(`${origin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: answer.status, text: await answer.text() };
  };
  const create = { tenant: "acme", name: "ci" };
  const made = await ask(adminKey, "POST", "/admin/keys", create);
  const { id, key } = createdApiKeySchema.parse(JSON.parse(made.text));
  const rotated = await ask(adminKey, "POST", `/admin/keys/${id}/rotate`);
  const { key: newer } = createdApiKeySchema.parse(JSON.parse(rotated.text));
  const unknown = newApiKey();
  const others = await Promise.all([
    ask(key, "GET", "/v1/models"),
    ask(newer, "GET", "/v1/generations"),
    ask(newer, "POST", "/v1/images/generations", { prompt: "a cat", model: "no-such" }),
    ask(newer, "GET", "/admin/keys"),
    ask(unknown, "GET", "/admin/keys"),
    ask(unknown, "GET", "/v1/models"),
    ask(adminKey, "GET", "/v1/models"),
    ask(adminKey, "POST", "/admin/keys", create),
    ask(adminKey, "GET", `/admin/keys/${id}`),
    ask(adminKey, "PATCH", `/admin/keys/${id}`, { name: "build" }),
  ]);
  expect(others.map(({ status }) => status)).toEqual([200, 200, 400, 403, 401, 401, 403, 409, 200, 200]);
  // In the form of other services' keys, which nothing shows to be a key. Its own sender may be told it, and the log may not.
  const bare = adminKey.slice("sk-darkroom-".length);
  for (const path of [`/v1/models/${bare}`, `/${bare}`, `/admin/keys/${bare}`]) await ask(adminKey, "GET", path);
  const stored = await everyValue(redis.url);
  child.kill("SIGTERM");
  expect(await exitCode()).toBe(0);

  expect(stored).toContain(hashApiKey(newer));
  expect(lines.map(({ msg }) => msg)).toContain("An API key was rotated");
  const places = [stored, JSON.stringify(lines), ...others.map(({ text }) => text)];
  // A key's first 18 characters are shown so that people can tell keys apart.
  const secrets = [key, newer, unknown, adminKey].map((secret) => secret.slice(18));
  for (const place of places) for (const secret of secrets) expect(place).not.toContain(secret);
});

/** All that a Redis holds, as it is written to disk. */
async function everyValue(url: string): Promise<string> {
  const redis = connectWorker(url, () => {});
  const keys = await redis.keys("*");
  expect(keys.length).toBeGreaterThan(5);
  const values = await Promise.all(
    keys.map(async (key) => {
      const kind = await redis.type(key);
      if (kind === "hash") return redis.hgetall(key);
      if (kind === "zset") return redis.zrange(key, "0", "-1");
      return kind === "string" ? redis.get(key) : kind;
    }),
  );
  redis.disconnect();
  return JSON.stringify([keys, values]);
}

test("without any key and without an admin key it does not start, and says what to do", async () => {
  const { lines, exitCode } = startProcess({ API_KEYS: "" });
  expect(await exitCode()).toBe(1);
  expect(JSON.stringify(lines)).toContain("set ADMIN_KEY_SHA256 and make keys with it");
});

test("a port that is taken is one sentence and exit code 1", async () => {
  const first = startProcess();
  const { port } = new URL(await first.baseUrl);
  const second = startProcess({ PORT: port });
  expect(await second.exitCode()).toBe(1);
  expect(second.lines.map(({ msg }) => msg)).toContain(
    `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or set PORT to another.`,
  );
  first.child.kill("SIGTERM");
  expect(await first.exitCode()).toBe(0);
});

test("a wrong setting is named on standard error and ends it with 1", async () => {
  const { stderr, exitCode } = startProcess({ PORT: "http" });
  expect(await exitCode()).toBe(1);
  expect(await stderr).toBe("The configuration cannot be used:\n  PORT: must be a whole number from 0 to 65535\n");
});

test("a Redis that may evict records is refused, or warned about where that is allowed", async () => {
  const redis = await startRedis({ persist: false, args: ["--maxmemory-policy", "allkeys-lru"] });
  onTestFinished(redis.stop);
  const refused = startProcess({ REDIS_URL: redis.url });
  expect(await refused.exitCode()).toBe(1);
  expect(refused.lines.some(({ msg }) => msg.includes('must be "noeviction"'))).toBe(true);

  const allowed = startProcess({ REDIS_URL: redis.url, REDIS_REQUIRE_NOEVICTION: "false" });
  await allowed.baseUrl;
  expect(allowed.lines.some(({ msg }) => msg.includes('must be "noeviction"'))).toBe(true);
  allowed.child.kill("SIGTERM");
  expect(await allowed.exitCode()).toBe(0);
});

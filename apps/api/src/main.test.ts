import { loadCatalogue, missingPrices } from "@darkroom/models";
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

test("it warns of each model whose prices have gaps, once", async () => {
  const { child, lines, baseUrl, exitCode } = startProcess();
  await baseUrl;
  child.kill("SIGTERM");
  await exitCode();
  const warnings = lines.filter(({ msg }) => msg.startsWith("No price for"));
  expect(warnings.map(({ level, model }) => [level, model])).toEqual(
    missingPrices(loadCatalogue()).map(({ model }) => [40, model]),
  );
  expect(warnings.length).toBeGreaterThan(0);
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

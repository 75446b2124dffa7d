import { StorageError } from "@darkroom/storage";
import { expect, test } from "vitest";
import { startApi } from "../api.fixture.ts";

test("200 while everything is there", async () => {
  const { baseUrl } = await startApi();
  expect(await (await fetch(`${baseUrl}/healthz`)).json()).toEqual({ status: "ok" });
  expect(await (await fetch(`${baseUrl}/readyz`)).json()).toEqual({ status: "ready" });
  expect((await fetch(`${baseUrl}/readyz`, { method: "HEAD" })).status).toBe(200);
});

test("503 from readyz names Redis while it is away; the process is still alive", async () => {
  const { baseUrl, redisLine } = await startApi({ behindProxy: true });
  redisLine.cut();
  const answer = await fetch(`${baseUrl}/readyz`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code: "overloaded", message: "Redis does not answer." } });
  expect((await fetch(`${baseUrl}/healthz`)).status).toBe(200);
  redisLine.restore();
  await expect.poll(async () => (await fetch(`${baseUrl}/readyz`)).status).toBe(200);
});

test("503 from readyz names the store, which is asked once for many probes", async () => {
  let checks = 0;
  const check = async () => {
    checks++;
    throw new Error("The bucket is gone");
  };
  const { baseUrl } = await startApi({ objects: (store) => ({ ...store, check }) });
  const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${baseUrl}/readyz`)));
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
  expect(await answers[0]?.json()).toMatchObject({ error: { message: "The object store cannot be used." } });
  expect(checks).toBe(1);
});

test("503 from readyz says what is wrong with the store and what to check, without the name of a bucket", async () => {
  const advice = "There is no such bucket. Check S3_BUCKET.";
  const error = new StorageError({ operation: "check", retryable: false, advice, detail: 'bucket "images"' });
  const { baseUrl } = await startApi({ objects: (store) => ({ ...store, check: () => Promise.reject(error) }) });
  const answer = await fetch(`${baseUrl}/readyz`);
  const message = `The object store cannot be used. ${advice}`;
  expect([answer.status, await answer.json()]).toMatchObject([503, { error: { message } }]);
});

test("503 from readyz while draining", async () => {
  const { baseUrl, drain } = await startApi();
  drain.begin();
  const answer = await fetch(`${baseUrl}/readyz`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { message: "This process is shutting down." } });
});

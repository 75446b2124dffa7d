import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema, errorBodySchema } from "@darkroom/contracts";
import { createKeys, connectWorker } from "@darkroom/redis";
import { beforeAll, describe, expect, test } from "vitest";
import { openStack, type Stack } from "./stack.ts";

const keys = createKeys("darkroom");
const adminKey = newApiKey();
const perMinute = 100;
const requests = 300;
const minuteMs = 60_000;
/** Admissions of so long a time are forgotten together. */
const spanMs = 50;

let stack: Stack;
beforeAll(async () => {
  // No worker runs: only the accepted requests count.
  stack = await openStack({ apis: 2, workers: 0, environment: { ADMIN_KEY_SHA256: hashApiKey(adminKey) } });
  return stack.close;
});

/** Makes a key by the first api, and waits until every api knows it. */
async function makeKey(name: string): Promise<string> {
  const answer = await fetch(`${stack.origin}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ tenant: "acme", name, limits: { images_per_minute: perMinute } }),
  });
  const { key } = createdApiKeySchema.parse(await answer.json());
  const asked = { headers: { authorization: `Bearer ${key}` } };
  const statuses = () =>
    Promise.all(stack.apis.map(async ({ origin }) => (await fetch(`${origin}/v1/models`, asked)).status));
  await expect.poll(statuses).toEqual([200, 200]);
  return key;
}

/** Asks for images, and reads the answer with the time in which it came about. */
async function ask(api: number, key: string, n: number) {
  const sentAtMs = Date.now();
  const answer = await fetch(`${stack.apis[api]?.origin}/v1/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify({ prompt: "a cat", model: "dall-e-2", n }),
  });
  const body: unknown = await answer.json();
  return { api, n, status: answer.status, headers: answer.headers, body, sentAtMs, receivedAtMs: Date.now() };
}

type Answer = Awaited<ReturnType<typeof ask>>;

/**
 * 300 requests by turns to either process, told apart by what became of them. There is room for all of the first twenty, which are answered
 * before the others are sent at once: so both processes have admitted some, however little of a CPU one of them gets.
 */
async function storm(key: string, imagesOf: (request: number) => number) {
  const send = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => ask((from + i) % 2, key, imagesOf(from + i))));
  const answers = [...(await send(0, 20)), ...(await send(20, requests))];
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 429]));
  const admitted = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status === 429);
  expect(new Set(admitted.map(({ api }) => api)), "both admit some").toEqual(new Set([0, 1]));
  expect(new Set(refused.map(({ api }) => api)), "both refuse some").toEqual(new Set([0, 1]));
  return { admitted, refused };
}

/** When Redis accepted the generations, in Unix milliseconds, the earliest first. */
async function admissionTimes(admitted: Answer[]): Promise<number[]> {
  const redis = connectWorker(stack.redis.url, () => {});
  const ids = admitted.map(({ headers }) => headers.get("x-generation-id"));
  const times = await Promise.all(ids.map((id) => redis.hget(keys.record(id ?? ""), "createdAt")));
  redis.disconnect();
  return times.map(Number).toSorted((a, b) => a - b);
}

const secondsOf = (ms: number) => Math.ceil(ms / 1_000);
const sum = (answers: Answer[]) => answers.reduce((images, { n }) => images + n, 0);
const left = ({ headers }: Answer) => Number(headers.get("x-ratelimit-remaining-images"));
/** `t` of the `RateLimit` field, whose shape and `r` are checked on the way: seconds until all is forgotten. */
function resetOf({ headers }: Answer): number {
  const [, remaining, reset] = /^"images";r=(\d+);t=(\d+)$/.exec(headers.get("ratelimit") ?? "") ?? [];
  expect(remaining).toBe(headers.get("x-ratelimit-remaining-images"));
  const shown = headers.get("x-ratelimit-reset-images");
  expect(shown).toBe(reset === "60" ? "1m0s" : `${reset}s`);
  return Number(reset);
}

describe("one key with 100 images a minute, 300 requests at once, two api processes", () => {
  test("exactly 100 of one image each are admitted, and the others are told the second at which to come again", async () => {
    const { admitted, refused } = await storm(await makeKey("one-each"), () => 1);
    expect(admitted).toHaveLength(perMinute);
    expect(refused).toHaveLength(requests - perMinute);
    // Each is told what it has left over: no two the same.
    expect(admitted.map(left).toSorted((a, b) => a - b)).toEqual(Array.from({ length: perMinute }, (_, i) => i));

    const times = await admissionTimes(admitted);
    const [first = NaN, last = NaN] = [times[0], times.at(-1)];
    for (const answer of [...admitted, ...refused]) {
      expect(answer.headers.get("x-ratelimit-limit-images")).toBe(String(perMinute));
      expect(answer.headers.get("ratelimit-policy")).toBe(`"images";q=${perMinute};w=60`);
    }
    for (const answer of admitted) expect(resetOf(answer)).toBe(60);
    for (const answer of refused) {
      const { headers, body, sentAtMs, receivedAtMs } = answer;
      expect(errorBodySchema.parse(body).error.code).toBe("rate_limit_exceeded");
      expect(headers.get("x-should-retry")).toBe("true");
      expect(left(answer)).toBe(0);
      const retryAfter = Number(headers.get("retry-after"));
      expect(retryAfter).toBeGreaterThanOrEqual(1);
      expect(retryAfter).toBeLessThanOrEqual(60);
      // Right to the second: the first admission is forgotten then, and the last at the reset.
      expect(retryAfter).toBeGreaterThanOrEqual(secondsOf(first + minuteMs - receivedAtMs));
      expect(retryAfter).toBeLessThanOrEqual(secondsOf(first + spanMs + minuteMs - sentAtMs));
      expect(resetOf(answer)).toBeGreaterThanOrEqual(secondsOf(last + minuteMs - receivedAtMs));
      expect(resetOf(answer)).toBeLessThanOrEqual(60);
    }
  });

  test("of one to four images each as many are admitted as fit, and none that did not", async () => {
    const { admitted, refused } = await storm(await makeKey("mixed"), (request) => (request % 4) + 1);
    const leftAtTheEnd = perMinute - sum(admitted);
    expect(leftAtTheEnd).toBeGreaterThanOrEqual(0);
    expect(Math.min(...admitted.map(left))).toBe(leftAtTheEnd);
    for (const answer of refused) expect(left(answer)).toBeLessThan(answer.n);
    for (const answer of refused) expect(left(answer)).toBeGreaterThanOrEqual(leftAtTheEnd);
  });
});

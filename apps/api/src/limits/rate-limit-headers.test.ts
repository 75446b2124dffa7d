import { noLimits } from "@darkroom/contracts";
import { expect, test, beforeAll, describe, vi } from "vitest";
import { limitHeaders } from "./rate-limit-headers.ts";
import { adminKey, keepApi, startApi, type KeptApi } from "../api.fixture.ts";
import { openLimitedKey } from "../limited-key.fixture.ts";

const use = { requests: 3, images: 7, resetMs: 41_001 };

test("both limits are told in OpenAI's headers and in those of the IETF", () => {
  expect(limitHeaders({ ...noLimits, requests_per_minute: 60, images_per_minute: 100 }, use)).toEqual({
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "57",
    "x-ratelimit-reset-requests": "42s",
    "x-ratelimit-limit-images": "100",
    "x-ratelimit-remaining-images": "93",
    "x-ratelimit-reset-images": "42s",
    "ratelimit-policy": '"requests";q=60;w=60, "images";q=100;w=60',
    ratelimit: '"requests";r=57;t=42, "images";r=93;t=42',
  });
});

test("a limit that the key does not have is not told", () => {
  expect(limitHeaders({ ...noLimits, images_per_minute: 100 }, use)).toEqual({
    "x-ratelimit-limit-images": "100",
    "x-ratelimit-remaining-images": "93",
    "x-ratelimit-reset-images": "42s",
    "ratelimit-policy": '"images";q=100;w=60',
    ratelimit: '"images";r=93;t=42',
  });
});

test("limits that are not of a minute are told in no header", () => {
  expect(limitHeaders({ ...noLimits, concurrent_generations: 1, queued_generations: 1 }, use)).toEqual({});
});

test("a whole minute is 1m0s, and an unused one 0s", () => {
  const limits = { ...noLimits, requests_per_minute: 5 };
  const told = (resetMs: number) => limitHeaders(limits, { ...use, resetMs });
  expect(told(60_000)).toMatchObject({ "x-ratelimit-reset-requests": "1m0s", ratelimit: '"requests";r=2;t=60' });
  expect(told(59_000)).toMatchObject({ "x-ratelimit-reset-requests": "59s" });
  expect(told(0)).toMatchObject({ "x-ratelimit-reset-requests": "0s", ratelimit: '"requests";r=2;t=0' });
});

test("a limit that was lowered below what is used leaves nothing, and not less", () => {
  expect(limitHeaders({ ...noLimits, images_per_minute: 5 }, use)).toMatchObject({
    "x-ratelimit-remaining-images": "0",
    ratelimit: '"images";r=0;t=42',
  });
});

let api: KeptApi;
let limited: Awaited<ReturnType<typeof openLimitedKey>>;
let unlimited: typeof limited;
beforeAll(async () => {
  api = await keepApi();
  limited = await openLimitedKey(api, { limits: { requests_per_minute: 1_000, images_per_minute: 2_000 } });
  // What is limited, but by no minute, has nothing to tell either.
  unlimited = await openLimitedKey(api, { name: "unlimited", limits: { queued_generations: 100 } });
  return api.close;
});

type Key = typeof limited;

/** Makes a generation of the key, and one that is canceled. */
async function makeGenerations(key: Key) {
  const [canceled, queued] = [await key.ask(), await key.ask()].map(({ headers }) => headers.get("x-generation-id"));
  await key.call(`/v1/generations/${canceled}/cancel`, { method: "POST" });
  return { canceled, queued };
}

/** Sends a request and, under the same idempotency key, it again with `more`. */
async function askTwice(key: Key, name: string, more: object) {
  await key.ask({}, { "idempotency-key": name });
  return key.ask(more, { "idempotency-key": name });
}

const answers: [string, number, (key: Key) => Promise<Response>][] = [
  ["a generation that is accepted", 202, (key) => key.ask()],
  ["an event stream", 200, (key) => key.ask({ model: "gpt-image-1", stream: true })],
  ["a replay", 202, (key) => askTwice(key, "a", {})],
  ["a bad request", 400, (key) => key.ask({ size: "3x3" })],
  ["a body that is no JSON", 400, (key) => api.post("{", { headers: { authorization: `Bearer ${key.key}` } })],
  ["an idempotency key that stands for another body", 422, (key) => askTwice(key, "b", { n: 2 })],
  ["a generation", 200, async (key) => key.call(`/v1/generations/${(await makeGenerations(key)).queued}`)],
  ["generations", 200, (key) => key.call("/v1/generations")],
  ["what is not there", 404, (key) => key.call("/v1/generations/gen_none")],
  [
    "a canceled generation",
    200,
    async (key) => key.call(`/v1/generations/${(await makeGenerations(key)).queued}/cancel`, { method: "POST" }),
  ],
  [
    "a retry",
    202,
    async (key) => key.call(`/v1/generations/${(await makeGenerations(key)).canceled}/retry`, { method: "POST" }),
  ],
  [
    "a generation's events",
    200,
    async (key) => key.call(`/v1/generations/${(await makeGenerations(key)).canceled}/events`),
  ],
  ["models", 200, (key) => key.call("/v1/models")],
  ["usage", 200, (key) => key.call("/v1/usage")],
];

const told = ({ headers }: Response) => [...headers.keys()].filter((name) => name.includes("ratelimit")).toSorted();

const both = ["requests", "images"].flatMap((name) =>
  ["limit", "remaining", "reset"].map((what) => `x-ratelimit-${what}-${name}`),
);

describe("every answer tells a key its limits, and one without limits nothing", () => {
  test.each(answers)("%s (%i)", async (_what, status, ask) => {
    const answer = await ask(limited);
    expect(answer.status).toBe(status);
    expect(told(answer)).toEqual(["ratelimit", "ratelimit-policy", ...both].toSorted());
    await answer.body?.cancel();
    const other = await ask(unlimited);
    expect(other.status).toBe(status);
    expect(told(other)).toEqual([]);
    await other.body?.cancel();
  });
});

test("what it tells is what has been used, by whichever answer", async () => {
  const key = await openLimitedKey(api, {
    name: "counted",
    limits: { requests_per_minute: 10, images_per_minute: 20 },
  });
  const left = async (answer: Promise<Response>) => (await answer).headers.get("ratelimit")?.replaceAll(/;t=\d+/g, "");
  expect(await left(key.call("/v1/models"))).toBe('"requests";r=10, "images";r=20');
  expect(await left(key.ask({ n: 3 }))).toBe('"requests";r=9, "images";r=17');
  expect(await left(key.ask({ size: "3x3" }))).toBe('"requests";r=9, "images";r=17');
  expect(await left(key.call("/v1/generations"))).toBe('"requests";r=9, "images";r=17');
});

test("an unauthenticated client and the admin are told nothing", async () => {
  expect(told(await api.call("/v1/models", { key: "sk-wrong" }))).toEqual([]);
  expect(told(await api.call("/v1/usage", { key: adminKey }))).toEqual([]);
});

test("an answer goes out without them when they cannot be looked up", async () => {
  const away = await startApi();
  const key = await openLimitedKey(away, { limits: { requests_per_minute: 10 } });
  vi.spyOn(away.redis, "evalsha").mockRejectedValue(new Error("Redis is away"));
  const answer = await key.call("/v1/models");
  expect(answer.status).toBe(200);
  expect(told(answer)).toEqual([]);
});

import { once } from "node:events";
import { Agent, request } from "node:http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startApi, type TestApi } from "../api.fixture.ts";
import { openLimitedKey, outcomeOf } from "../limited-key.fixture.ts";

type Init = { method?: string; body?: string; headers?: Record<string, string> };

const statuses = (answers: readonly Response[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Requests that come to an end before any admission. */
const mistakes: (readonly [path: string, init: Init, status: number])[] = [
  ["/v1/models", {}, 200],
  ["/v1/generations/gen_none", {}, 404],
  ["/v1/images/generations", json("{"), 400],
  ["/v1/batches", json(`{"input_file_id":${" ".repeat(70_000)}"x"}`), 413],
  ["/v1/files", json("{}"), 415],
  ["/v1/batches", json('{"input_file_id":"file-none"}'), 400],
];

function json(body: string): Init {
  return { method: "POST", body, headers: { "content-type": "application/json" } };
}

describe("http_requests_per_minute", () => {
  test("lets exactly so many requests through, of every kind, at two processes together", async () => {
    const one = await startApi();
    const { key } = await openLimitedKey(one, { limits: { http_requests_per_minute: 40 } });
    const two = await startApi({ beside: one });
    const calls = Array.from({ length: 60 }, (_, i) => {
      const [path, init] = mistakes[i % mistakes.length]!;
      return (i % 2 === 0 ? one : two).call(path, { ...init, key });
    });
    const answers = await Promise.all(calls);
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(40);
    expect(statuses(answers)[429]).toBe(20);
  });

  test.each(mistakes)("counts %s %o", async (path, init, status) => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, { limits: { http_requests_per_minute: 2 } });
    const ask = async () => (await api.call(path, { ...init, key })).status;
    expect([await ask(), await ask(), await ask()]).toEqual([status, status, 429]);
  });

  test("is told in OpenAI's shape: which limit, and when", async () => {
    const api = await startApi();
    const { call } = await openLimitedKey(api, { limits: { http_requests_per_minute: 2 } });
    const first = await call("/v1/models");
    expect(Object.fromEntries(first.headers)).toMatchObject({
      "x-ratelimit-limit-http-requests": "2",
      "x-ratelimit-remaining-http-requests": "1",
      "x-ratelimit-reset-http-requests": "1m0s",
      "ratelimit-policy": '"http-requests";q=2;w=60',
      ratelimit: '"http-requests";r=1;t=60',
    });
    await call("/v1/models");
    const refused = await call("/v1/models");
    expect(refused.headers.get("x-ratelimit-remaining-http-requests")).toBe("0");
    expect(await outcomeOf(refused)).toEqual({
      status: 429,
      code: "rate_limit_exceeded",
      message: expect.stringMatching(
        /^Rate limit reached for HTTP requests: this API key may make 2 of any kind a minute \(http_requests_per_minute\)\. Try again in \d\d s\.$/,
      ),
      shouldRetry: "true",
      retryAfter: expect.stringMatching(/^(5\d|60|61)$/),
    });
  });

  test("stands beside the limits of generations in the same headers", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { limits: { http_requests_per_minute: 10, images_per_minute: 5 } });
    const left = (await ask()).headers.get("ratelimit")?.replaceAll(/;t=\d+/g, "");
    expect(left).toBe('"images";r=4, "http-requests";r=9');
  });

  test("is that of the installation where the key has none, which no answer tells", async () => {
    const api = await startApi({ defaultLimits: { http_requests_per_minute: 3 } });
    const ask = () => api.call("/v1/models");
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    const told = answers.map(({ headers }) => headers.get("x-ratelimit-limit-http-requests"));
    expect(told).toEqual([null, null, null, "3"]);
    // The limit is one of keys, not of the process.
    const { call } = await openLimitedKey(api, {});
    expect((await call("/v1/models")).status).toBe(200);
  });

  test("counts on over a restart of the process", async () => {
    const before = await startApi();
    const { key } = await openLimitedKey(before, { limits: { http_requests_per_minute: 3 } });
    for (let i = 0; i < 2; i++) await before.call("/v1/models", { key });
    const after = await startApi({ beside: before });
    const ask = async () => (await after.call("/v1/models", { key })).status;
    expect([await ask(), await ask()]).toEqual([200, 429]);
  });

  test("answers what is repeated at once more slowly", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, { limits: { http_requests_per_minute: 1 } });
    const beganAtMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 12 }, () => api.call("/v1/models", { key })));
    expect(statuses(answers)).toEqual({ 200: 1, 429: 11 });
    expect(performance.now() - beganAtMs).toBeGreaterThan(900);
  });

  test("takes a few commands of Redis for many requests, and no request waits for them", async () => {
    const api = await startApi();
    await api.call("/v1/models");
    const scripts = vi.spyOn(api.redis, "evalsha");
    const reports = () => scripts.mock.calls.filter((call) => String(call[2]).includes(":account-requests:")).length;
    const beganAtMs = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => api.call("/v1/models")));
    await expect.poll(reports).toBeGreaterThan(0);
    // One in each twentieth of a second.
    expect(reports()).toBeLessThanOrEqual(2 + (performance.now() - beganAtMs) / 50);
  });
});

test("a connection whose request was refused before its body was read serves the next one", async () => {
  const api = await startApi();
  const { key } = await openLimitedKey(api, { limits: { http_requests_per_minute: 1 } });
  expect((await api.call("/v1/models", { key })).status).toBe(200);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const sockets = new Set<unknown>();
  const ask = async (path: string, body: string, headers: Record<string, string>) => {
    const sent = request(new URL(path, api.baseUrl), { agent, method: body === "" ? "GET" : "POST", headers });
    sent.once("socket", (socket) => sockets.add(socket)).end(body);
    const [answer] = await once(sent, "response");
    answer.resume();
    await once(answer, "end");
    return answer.statusCode;
  };
  const authorization = `Bearer ${key}`;
  const body = " ".repeat(900_000);
  const chunked = { authorization, "content-type": "application/json", "transfer-encoding": "chunked" };
  const upload = { authorization, "content-type": "multipart/form-data; boundary=x", "content-length": "900000" };
  expect(await ask("/v1/images/generations", body, chunked)).toBe(429);
  expect(await ask("/v1/files", body, upload)).toBe(429);
  expect(await ask("/healthz", "", {})).toBe(200);
  expect(sockets.size).toBe(1);
});

describe("bodies that were refused", () => {
  /** As many pairs as a body of 1 MiB has. */
  const pairs = (count: number) =>
    JSON.stringify({
      prompt: "x",
      job: { metadata: Object.fromEntries(Array.from({ length: count }, (_, i) => [i, 1])) },
    });
  const wrong = pairs(90_000);
  const good = (api: TestApi, key: string, prompt: string) =>
    api.post({ prompt, model: "dall-e-2" }, { headers: { authorization: `Bearer ${key}`, prefer: "respond-async" } });
  const send = (api: TestApi, key: string, body: string) =>
    api.post(body, { headers: { authorization: `Bearer ${key}` } });

  test("a second one of a megabyte is refused before it is parsed, at another process, too", async () => {
    const one = await startApi();
    const { key } = await openLimitedKey(one, {});
    const two = await startApi({ beside: one });
    const parse = vi.spyOn(JSON, "parse");
    const parsed = () => parse.mock.calls.filter(([text]) => text.length > 500_000).length;
    expect((await send(one, key, wrong)).status).toBe(400);
    expect(parsed()).toBe(1);
    expect(await outcomeOf(await send(one, key, wrong))).toEqual({
      status: 429,
      code: "rate_limit_exceeded",
      message: expect.stringMatching(
        /^Rate limit reached for refused bodies: \d+ bytes of this API key's bodies were refused in the last minute, and 1048576 are allowed\./,
      ),
      shouldRetry: "true",
      retryAfter: expect.stringMatching(/^(5\d|60|61)$/),
    });
    // What it has to say of the minute it learns with the next count of a request.
    await expect
      .poll(async () => {
        await two.call("/v1/models", { key });
        return (await send(two, key, pairs(30_000))).status;
      })
      .toBe(429);
    expect(parsed()).toBe(1);
  });

  test("that are larger than the route takes count, too, and are answered more slowly", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, {});
    const large = json(" ".repeat(1_048_577));
    const beganAtMs = performance.now();
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push(await api.call("/v1/batches", { ...large, key }));
    expect(statuses(answers)).toEqual({ 413: 12 });
    expect(performance.now() - beganAtMs).toBeGreaterThan(900);
    expect((await send(api, key, wrong)).status).toBe(429);
  });

  test("twenty that come together are read, and one of them is parsed", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, {});
    const parse = vi.spyOn(JSON, "parse");
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(api, key, wrong)));
    expect(statuses(answers)).toEqual({ 400: 1, 429: 19 });
    expect(parse.mock.calls.filter(([text]) => text.length > 500_000)).toHaveLength(1);
  });

  test("stop no request of usual size, and no other key", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, {});
    await send(api, key, wrong);
    expect((await send(api, key, wrong)).status).toBe(429);
    expect((await good(api, key, "a cat")).status).toBe(202);
    const other = await openLimitedKey(api, { name: "other" });
    expect((await send(api, other.key, wrong)).status).toBe(400);
  });

  test("small ones are mistakes of any number, and what was accepted is none", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, {});
    for (let i = 0; i < 90; i++) expect((await send(api, key, pairs(1_500))).status).toBe(400);
    const long = JSON.stringify({ prompt: "x", model: "dall-e-2", job: { expires_in: 60 } });
    const padded = `${" ".repeat(800_000)}${long}`;
    const accepted = () =>
      api.post(padded, {
        headers: { authorization: `Bearer ${key}`, prefer: "respond-async", "cache-control": "no-cache" },
      });
    expect(statuses([await accepted(), await accepted(), await accepted()])).toEqual({ 202: 3 });
    expect((await send(api, key, wrong)).status).toBe(400);
  });

  test("an upload is none, whatever the case of its type", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, {});
    const form = [
      "--x",
      'content-disposition: form-data; name="purpose"',
      "",
      "batch",
      "--x",
      'content-disposition: form-data; name="file"; filename="prompts.txt"',
      "",
      " ".repeat(1_100_000),
      "--x--",
      "",
    ].join("\r\n");
    const upload = { method: "POST", body: form, headers: { "content-type": "Multipart/Form-Data; boundary=x" } };
    expect((await api.call("/v1/files", { ...upload, key })).status).toBe(400);
    expect((await send(api, key, wrong)).status).toBe(400);
  });
});

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { errorBodySchema } from "@darkroom/contracts";
import { monitorRedis, testRedisUrl } from "@darkroom/testing";
import { expect, test } from "vitest";
import { adminKey, apiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { request } from "../../generation.fixture.ts";

const prompt = "a secret lighthouse that no page shows";
const lane = "openai.interactive";

const basic = (password: string, user = "admin") => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** Asks as a browser does in which the admin key was typed. */
const look = (api: TestApi, path: string, init: { method?: string; headers?: Record<string, string> } = {}) =>
  fetch(`${api.baseUrl}/admin/queues${path}`, {
    ...init,
    headers: { authorization: basic(adminKey), ...init.headers },
  });

/** Puts two generations in line. Answers the id of one. */
async function withJobs(api: TestApi): Promise<string> {
  const submit = () =>
    api.post({ ...request, prompt }, { headers: { prefer: "respond-async", "idempotency-key": randomUUID() } });
  await submit();
  return (await submit()).headers.get("x-generation-id") ?? "";
}

test("401 with a challenge of HTTP Basic without a key and with a wrong one, which other routes do not have", async () => {
  const api = await startApi();
  for (const authorization of [undefined, basic("sk-wrong"), "Bearer sk-wrong", "Basic %%%"]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const answer = await fetch(`${api.baseUrl}/admin/queues`, { headers });
    expect([authorization, answer.status]).toEqual([authorization, 401]);
    expect(answer.headers.get("www-authenticate")).toBe('Basic realm="Darkroom", charset="UTF-8"');
    expect(errorBodySchema.safeParse(await answer.json()).success).toBe(true);
  }
  // A browser sends the password by itself. It must open nothing that changes something.
  for (const path of ["/admin/lanes", "/admin/keys", "/metrics", "/v1/models"]) {
    const answer = await fetch(`${api.baseUrl}${path}`, { headers: { authorization: basic(adminKey) } });
    expect([path, answer.status]).toEqual([path, 401]);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  }
  expect(api.queueBoard.isOpen()).toBe(false);
});

test("the challenge is there in a flood of requests without a key, too", async () => {
  const api = await startApi();
  const answers = await Promise.all(Array.from({ length: 60 }, () => fetch(`${api.baseUrl}/admin/queues`)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
  for (const { headers } of answers) expect(headers.get("www-authenticate")).toContain('Basic realm="Darkroom"');
});

test("403 with the key of a tenant", async () => {
  const api = await startApi();
  const answer = await look(api, "", { headers: { authorization: basic(apiKey) } });
  expect([answer.status, api.queueBoard.isOpen()]).toEqual([403, false]);
});

test("200 with the admin key, as a password or as a bearer token: a page that may load nothing from elsewhere", async () => {
  const api = await startApi();
  for (const authorization of [basic(adminKey), basic(adminKey, ""), `Bearer ${adminKey}`]) {
    const answer = await look(api, "", { headers: { authorization } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const html = await answer.text();
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(1);
    expect(links.filter((link) => /^(?:https?:)?\/\//.test(link))).toEqual([]);
    const script = links.find((link) => link.endsWith(".js")) ?? "";
    const loaded = await look(api, `/${script.replace(/^\/admin\/queues\//, "")}`);
    expect([loaded.status, loaded.headers.get("content-type")]).toEqual([200, expect.stringContaining("javascript")]);
  }
});

test("the lanes are shown with their counts and jobs, and neither a prompt nor a key in any of it", async () => {
  const api = await startApi();
  const id = await withJobs(api);
  const answer = await look(api, `/api/queues?activeQueue=${lane}&status=latest&page=1`);
  expect(answer.status).toBe(200);
  const text = await answer.text();
  const { queues } = JSON.parse(text);
  const shown = queues.find(({ name }: { name: string }) => name === lane);
  expect(shown).toMatchObject({ readOnlyMode: true, counts: { prioritized: 2 } });
  expect(queues.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(["batches", "openai.batch", lane]),
  );
  const job = await (await look(api, `/api/queues/${lane}/${id}`)).text();
  expect(JSON.parse(job)).toMatchObject({ job: { id } });
  for (const one of [text, job]) {
    expect(one).not.toContain("lighthouse");
    expect(one).not.toContain(apiKey);
    expect(one).not.toContain(adminKey);
  }
});

test("nothing can be changed, whatever the method, and parts that are not for reading lanes are not served", async () => {
  const api = await startApi();
  const id = await withJobs(api);
  const changes = [
    ["PUT", "/api/queues/pause"],
    ["PUT", `/api/queues/${lane}/pause`],
    ["PUT", `/api/queues/${lane}/obliterate`],
    ["PUT", `/api/queues/${lane}/clean/prioritized`],
    ["PUT", `/api/queues/${lane}/${id}/clean`],
    ["PUT", `/api/queues/${lane}/${id}/promote`],
    ["PATCH", `/api/queues/${lane}/${id}/update-data`],
    ["POST", `/api/queues/${lane}/add`],
    ["DELETE", `/api/queues/${lane}/${id}`],
  ] as const;
  for (const [method, path] of changes) expect([path, (await look(api, path, { method })).status]).toEqual([path, 405]);
  for (const path of [
    "/api/redis/stats",
    `/api/queues/${lane}/workers`,
    `/api/queues/${lane}/${id}/logs`,
    "/%61pi/queues",
    "/static/%2e%2e/%2e%2e/package.json",
    "/api",
  ])
    expect([path, (await look(api, path)).status]).toEqual([path, 404]);
  expect(await api.queue.lanes.depth(lane)).toEqual({ waiting: 2, paused: false });
});

test("a path that leads to another part by dots gets that part no more than a path without them", async () => {
  const api = await startApi();
  const id = await withJobs(api);
  await look(api, "/api/queues");
  const port = Number(new URL(api.baseUrl).port);
  for (const part of ["api/redis/stats", `api/queues/${lane}/${id}/logs`, `api/queues/${lane}/workers`])
    for (const detour of ["static/../", "static/js/../../", "queue/..\\", "queue/%2e%2e/"]) {
      // `fetch` would take the detour itself, and ask for what it leads to.
      const asked = get({ port, path: `/admin/queues/${detour}${part}`, headers: { authorization: basic(adminKey) } });
      const [answer]: IncomingMessage[] = await once(asked, "response");
      expect([detour, part, answer?.resume().statusCode]).toEqual([detour, part, 404]);
    }
});

test("looking writes nothing to Redis, and when nobody looks any more the board is closed with its connection", async () => {
  const api = await startApi({ boardIdleMs: 50 });
  await withJobs(api);
  const clients = async () => String(await api.redis.client("LIST")).split("\n").length;
  const before = await clients();
  const written: string[] = [];
  const writes = /^(?:h?set|hmset|del|z(?:add|rem)|l(?:push|rem)|rpush|xadd|publish|expire|pexpire)/i;
  const mark = randomUUID();
  const seen = Promise.withResolvers<void>();
  const monitor = await monitorRedis(testRedisUrl(), ({ words }) => {
    if (words.includes(mark)) seen.resolve();
    // Heartbeats, keys and waits of the service go on.
    if (writes.test(words[0] ?? "") && words.some((word) => word.startsWith(`${api.keys.lanes}:`)))
      written.push(words.join(" "));
  });
  await look(api, `/api/queues?activeQueue=${lane}`);
  expect(api.queueBoard.isOpen()).toBe(true);
  await api.redis.echo(mark);
  await seen.promise;
  monitor.close();
  expect(written).toEqual([]);
  await expect.poll(api.queueBoard.isOpen).toBe(false);
  await expect.poll(clients).toBeLessThanOrEqual(before);
  expect((await look(api, "/api/queues")).status).toBe(200);
});

test("503 while Redis is away, and 200 when it is back", async () => {
  const api = await startApi({ behindProxy: true });
  api.redisLine.cut();
  const answer = await look(api, "/api/queues");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  api.redisLine.restore();
  await expect.poll(async () => (await look(api, "/api/queues")).status).toBe(200);
  api.redisLine.cut();
  expect((await look(api, "/api/queues")).status).toBe(503);
  api.redisLine.restore();
  await expect.poll(async () => (await look(api, "/api/queues")).status).toBe(200);
});

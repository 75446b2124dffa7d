import { glob, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { apiKeySchema, createdApiKeySchema } from "@darkroom/contracts";
import { delivery, openQueue } from "@darkroom/generations/queue-fixture";
import { connectWorker, keyTypes, readScript } from "@darkroom/redis";
import { listeningPort, startClusterNode, startLossyRedis, temporaryFolder } from "@darkroom/testing";
import { toFile } from "openai";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const prefix = "{darkroom}";
const images = "/v1/images/generations";
const drawing = { model: "dall-e-2", size: "256x256", prompt: "a cat" };
const scripted = (directives: string) => ({ ...drawing, prompt: `a cat [sandbox:${directives}]` });
const later = { prefer: "respond-async" };
const pastDay = "2026-01-30";

type Redis = ReturnType<typeof connectWorker>;

// The node owns the slot of the prefix alone, and refuses every other key, whether a command or a script names it.
// A story of ten chapters has more time than other tests.
test(
  "with its prefix in braces a whole installation lives in one slot of a cluster",
  { timeout: 300_000 },
  async () => {
    const node = await startClusterNode(prefix);
    onTestFinished(node.stop);
    const redis = connectWorker(node.url, () => {});
    onTestFinished(() => redis.disconnect());
    const service = await openService(node.url, redis);

    await service.manageKeys();
    await service.draw();
    await service.tellWebhooks();
    await service.refuseAndExpire();
    await service.runBatches();
    await service.exportLedger();
    await service.operate();
    await service.survive();
    await service.deploy();
    await recoverAndForget(node.url);
    await loseAnAnswer(node.url);

    expect(service.faults()).toEqual([]);
    expect(await unused(redis)).toEqual([]);
    expect(await wrongKeys(redis)).toEqual([]);
  },
);

async function openService(url: string, redis: Redis) {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const adminKey = newApiKey();
  const stack = await startStack({
    environment: {
      REDIS_URL: url,
      QUEUE_PREFIX: prefix,
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
      LEDGER_EXPORT_INTERVAL_MS: "200",
    },
  });
  const client = stack.openai();

  async function call(
    at: string,
    body?: object,
    { key = stack.apiKey, method = body ? "POST" : "GET", headers = {} } = {},
  ) {
    return fetch(`${stack.origin}${at}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
  const asAdmin = (at: string, body?: object, method?: string) =>
    call(at, body, { key: adminKey, ...(method !== undefined && { method }) });
  /** A generation that is not waited for. Answers its id. */
  async function submit(body: object, headers: Record<string, string> = {}): Promise<string> {
    const answer = await call(images, body, { headers: { ...later, ...headers } });
    expect(answer.status).toBe(202);
    return answer.headers.get("x-generation-id") ?? "";
  }
  const show = async (id: string): Promise<unknown> => (await call(`/v1/generations/${id}`)).json();
  const untilStatus = (id: string, status: string) =>
    expect.poll(() => show(id), { message: id }).toMatchObject({ status });

  return {
    /** Lines of the log that tell of a key which the node does not own. */
    faults: (): string[] =>
      [...stack.apis, ...stack.workers]
        .flatMap(({ lines }) => lines)
        .filter((line) => /CROSSSLOT|MOVED|CLUSTERDOWN|non local key/.test(line)),

    /** Makes, changes, rotates, uses and deletes API keys. */
    async manageKeys(): Promise<void> {
      const limits = { limits: { requests_per_minute: 100 }, budget: { total: 1_000_000 } };
      const made = await asAdmin("/admin/keys", { tenant: "acme", name: "shop", ...limits });
      const { id, key } = createdApiKeySchema.parse(await made.json());
      const used = await call(images, { ...drawing, prompt: "for a shop" }, { key });
      expect(used.status).toBe(200);
      expect((await call("/v1/models", undefined, { key })).headers.get("ratelimit")).not.toBeNull();
      expect(apiKeySchema.parse(await (await asAdmin(`/admin/keys/${id}`)).json())).toMatchObject({ name: "shop" });
      expect((await asAdmin(`/admin/keys/${id}`, { name: "store" }, "PATCH")).status).toBe(200);
      for (const action of ["rotate", "webhook-secret/rotate"]) {
        expect((await asAdmin(`/admin/keys/${id}/${action}`, { grace_seconds: 60 })).status).toBe(200);
      }
      expect((await asAdmin(`/admin/keys/${id}`, undefined, "DELETE")).ok).toBe(true);
    },

    /** Draws in every way that a caller may wait, and tells a webhook. */
    async draw(): Promise<void> {
      const drawn = await call(images, { ...drawing, job: { webhook: receiver.url } });
      expect(drawn.status).toBe(200);
      await expect.poll(() => receiver.received.length).toBe(1);
      const streamed = await call(images, { model: "gpt-image-1", prompt: "a cat", stream: true, partial_images: 2 });
      expect(await streamed.text()).toContain("image_generation.completed");
      const cut = call(images, scripted("delay=300")).catch(() => null);
      expect(
        await Promise.race([cut, stack.generate(drawing, { signal: AbortSignal.timeout(1) }).catch(() => null)]),
      ).toBeNull();
      await cut;

      const named = { "idempotency-key": "once" };
      const id = await submit(scripted("delay=5000"), named);
      expect(await submit(scripted("delay=5000"), named)).toBe(id);
      await untilStatus(id, "running");
      const events = await call(`/v1/generations/${id}/events`);
      expect((await call(`/v1/generations/${id}/cancel`, {})).status).toBe(200);
      expect(await events.text()).toContain("canceled");
      expect((await call(`/v1/generations/${id}/retry`, {})).ok).toBe(true);
      await untilStatus(id, "succeeded");
    },

    /** Has a webhook refused and replayed, one that cannot be read, and one whose receiver takes its time. */
    async tellWebhooks(): Promise<void> {
      receiver.answerWith(410);
      await call(images, { ...drawing, job: { webhook: receiver.url } });
      const listSchema = z.object({ data: z.array(z.object({ id: z.string(), generation_id: z.string() })) });
      const dead = async () => listSchema.parse(await (await call("/v1/webhooks/deliveries?status=dead")).json()).data;
      await expect.poll(dead).toHaveLength(1);
      receiver.answerWith(204);
      const [{ id, generation_id: told } = { id: "", generation_id: "" }] = await dead();
      expect((await call(`/v1/webhooks/deliveries/${id}/replay`, {})).status).toBe(202);
      await expect.poll(dead).toEqual([]);

      await redis.zadd(`${prefix}:outbox`, 0, `${told} 9 superseded`);
      const aside = async () =>
        (await redis.hvals(`${prefix}:quarantine`)).filter((entry) => entry.includes("superseded"));
      await expect.poll(aside).toHaveLength(1);

      const hanging = createServer((socket) => socket.on("error", () => undefined));
      const port = await listeningPort(hanging.listen(0, "127.0.0.1"));
      onTestFinished(() => void hanging.close());
      await call(images, { ...drawing, job: { webhook: `http://127.0.0.1:${port}/` } });
    },

    /** Has the upstream fail for a while and refuse for its rate limit; what waits behind that expires. */
    async refuseAndExpire(): Promise<void> {
      await untilStatus(await submit(scripted("fail=503,times=1")), "succeeded");
      const refused = await submit(scripted("fail=429,times=1,retry-after=3"));
      await expect.poll(() => redis.keys(`${prefix}:backoff:*`)).not.toEqual([]);
      await untilStatus(await submit({ ...drawing, job: { expires_in: 1 } }), "expired");
      await untilStatus(refused, "succeeded");
    },

    /** Runs one batch to its end, cancels another, and handles files. */
    async runBatches(): Promise<void> {
      const { id } = await createBatch(client, numberedLines(3));
      expect((await untilEnded(client, id)).status).toBe("completed");
      const slow = numberedLines(400, "s").map(({ custom_id }) => ({ custom_id, body: scripted("delay=500") }));
      const canceled = await createBatch(client, slow);
      await expect
        .poll(async () => (await client.batches.retrieve(canceled.id)).request_counts?.completed)
        .toBeGreaterThan(0);
      // One that has lost its record is given up.
      const lines = await redis.smembers(`${prefix}:batch-lines:${canceled.id}`);
      const [lost = ""] = lines.toSorted().slice(-1);
      await redis.del(`${prefix}:generation:${lost}`);
      await client.batches.cancel(canceled.id);
      expect((await untilEnded(client, canceled.id)).status).toBe("cancelled");
      const file = await client.files.create({ purpose: "batch", file: await toFile(Buffer.from("{}"), "f.jsonl") });
      expect((await client.files.delete(file.id)).deleted).toBe(true);
      // What a tenant holds is counted again once an hour.
      const due = `${prefix}:tenant-use-due`;
      const tenants = await redis.zrange(due, "0", "-1");
      expect(tenants).toHaveLength(1);
      await redis.zadd(due, "XX", 0, ...tenants);
      await expect.poll(() => redis.zcount(due, "-inf", 0)).toBe(0);
    },

    /** Exports the ledger of today and of a day that is over, and reads it. */
    async exportLedger(): Promise<void> {
      await redis.rpush(`${prefix}:ledger:${pastDay}`, "{}");
      await redis.sadd(`${prefix}:ledger-days`, pastDay);
      await expect.poll(() => redis.sismember(`${prefix}:ledger-days`, pastDay)).toBe(0);
      const today = new Date().toISOString().slice(0, 10);
      for (const action of [`${today}/export`, "2026-01-29/rebuild"]) {
        expect((await asAdmin(`/admin/ledger/${action}`, {})).status).toBe(200);
      }
      expect((await call("/v1/usage")).status).toBe(200);
      expect((await asAdmin("/admin/tenants/acme/drop-ended", {})).status).toBe(200);
      expect(await (await asAdmin("/metrics")).text()).toMatch(/^darkroom_workers_desired\{/m);
    },

    /** Looks at the lanes and the processes, and drains a worker. */
    async operate(): Promise<void> {
      expect((await asAdmin("/admin/lanes")).status).toBe(200);
      stack.workers.push(await stack.startWorker());
      const [leaving] = stack.workers.splice(0, 1);
      const listSchema = z.object({ data: z.array(z.object({ id: z.string(), pid: z.number() })) });
      const { data } = listSchema.parse(await (await asAdmin("/admin/processes")).json());
      const one = data.find(({ pid }) => pid === leaving?.pid);
      expect((await asAdmin(`/admin/processes/${one?.id}/drain`, {})).status).toBe(202);
      expect(await leaving?.exited).toBe(0);
    },

    /** Kills the worker in the middle of a generation, which another ends. */
    async survive(): Promise<void> {
      const id = await submit(scripted("delay=1500"));
      await untilStatus(id, "running");
      await stack.workers[0]?.end("SIGKILL");
      stack.workers.push(await stack.startWorker());
      await untilStatus(id, "succeeded");
    },

    /** Draws by a deployment, for longer than its lease lasts without a renewal. */
    async deploy(): Promise<void> {
      const file = path.join(await temporaryFolder(), "deployments.json");
      const deployments = [{ name: "own", provider: "sandbox", concurrency: 1 }];
      await writeFile(file, JSON.stringify({ models: { [drawing.model]: { deployments } } }));
      for (const worker of stack.workers.splice(0)) await worker.end("SIGTERM");
      stack.workers.push(await stack.startWorker({ DEPLOYMENTS_FILE: file }));
      await untilStatus(await submit(scripted("delay=4000")), "succeeded");
      const { data } = z.object({ data: z.array(z.unknown()) }).parse(await (await asAdmin("/admin/providers")).json());
      expect(data).toMatchObject([{ id: "own", requests_last_minute: 1, under_way: 0 }]);
    },
  };
}

/** Has recovery do at once what it does after a minute and later: find a lost job, forget what has outlived its retention, pack what has ended. */
async function recoverAndForget(url: string): Promise<void> {
  const queue = await openQueue({ url, prefix });
  const { redis, keys, generations, attempts } = queue;
  const submitted = queue.submission({ lane: "elsewhere.interactive" });
  const { id, lane } = submitted;
  await generations.submit(submitted);
  expect(await generations.attach({ ...submitted, idempotencyKey: "another" })).toBeNull();
  await attempts.start(id, lane);
  const { tick } = queue.recovery();
  await tick();
  expect(await redis.hget(keys.record(id), "jobMissing")).toBe("1");
  await attempts.succeed(id, lane, 1, delivery, {
    images: 1,
    inputTokens: 0,
    outputTokens: 0,
    costMicros: 0,
    providerCostMicros: 0,
  });
  await redis.zadd(keys.retained, 1, id);
  await queue.removal().tick();
  expect(await redis.exists(keys.record(id))).toBe(0);
  expect(await queue.audit().step()).toBeGreaterThanOrEqual(0);

  const ended = queue.submission({ lane });
  await generations.submit(ended);
  await generations.cancel(ended.id, lane);
  const recovery = queue.recovery({ leftAloneMs: 0 });
  const pack = async () => {
    // The workers of the stack go by another retention.
    await redis.del(keys.packedUntil);
    await recovery.tick();
    return redis.hexists(keys.record(ended.id), "packed");
  };
  await expect.poll(pack).toBe(1);
  // What recovery cannot read is set aside.
  const unreadable = "gen_unreadable";
  await redis.set(keys.record(unreadable), "not a record");
  await redis.zadd(keys.expiring, 1, unreadable);
  const dueAgain = async () => {
    await recovery.tick();
    return Number(await redis.zscore(keys.expiring, unreadable));
  };
  await expect.poll(dueAgain).toBeGreaterThan(1);
  await redis.del(keys.record(unreadable));
  await redis.zrem(keys.expiring, unreadable);

  const again = await generations.retry(ended.id, lane, ended.tenant, ended.admission);
  expect(again).toMatchObject({ kind: "accepted" });
}

/** Has a worker lose the answer to its call for a job, which it gives back and takes again. */
async function loseAnAnswer(url: string): Promise<void> {
  const lossy = await startLossyRedis(url);
  onTestFinished(lossy.close);
  const redis = connectWorker(lossy.url, () => {});
  onTestFinished(() => redis.disconnect());
  const queue = await openQueue({ url, prefix });
  const { keys, generations } = queue;
  const work = { redis, lane: "unheard.interactive", lockDurationMs: 600_000, stalledIntervalMs: 600_000 };
  queue.worker(async () => ({ kind: "succeeded", delivery }), work);
  const submit = async () => {
    const submission = queue.submission({ lane: work.lane });
    await queue.submit(submission);
    return submission.id;
  };
  const untilSucceeded = (id: string) =>
    expect.poll(async () => (await generations.read(id))?.status).toBe("succeeded");
  // The node knows the scripts from here on.
  await untilSucceeded(await submit());
  const lost = lossy.loseAnswer(keys.record(""));
  const id = await submit();
  await lost;
  await untilSucceeded(id);
}

/** Keys that do not begin with the prefix, or are not of the type that their kind is said to have. BullMQ's are of any. */
async function wrongKeys(redis: Redis): Promise<string[]> {
  const types = new Map<string, string>(Object.entries(keyTypes));
  const names = await redis.keys("*");
  expect(names.length).toBeGreaterThan(30);
  const wrong: string[] = [];
  for (const name of names) {
    const [root, kind = ""] = name.split(":");
    const type = await redis.type(name);
    const isRight = root === prefix && (kind === "lane" || types.get(kind) === type);
    // One that has run out since it was listed has no type.
    if (!isRight && type !== "none") wrong.push(`${name} (${type})`);
  }
  return wrong;
}

/** The scripts that the server has never been asked to run, by their files. */
async function unused(redis: Redis): Promise<string[]> {
  const root = path.resolve(import.meta.dirname, "../..");
  const files: string[] = [];
  for await (const file of glob("packages/*/src/**/*.lua", { cwd: root })) files.push(file);
  const texts = await Promise.all(files.map((file) => readFile(path.join(root, file), "utf8")));
  const includes = [...texts.join("\n").matchAll(/^--- @include "(?:.*\/)?([^"/]+)"$/gm)];
  const included = new Set(includes.map(([, name]) => name));
  const scripts = files.filter((file) => !included.has(path.basename(file, ".lua")));
  expect(scripts.length).toBeGreaterThan(30);
  const digests = scripts.map((file) =>
    createHash("sha1")
      .update(readScript(pathToFileURL(path.join(root, file))))
      .digest("hex"),
  );
  const known = await redis.script("EXISTS", ...digests);
  return scripts.filter((_, i) => !Array.isArray(known) || known[i] !== 1);
}

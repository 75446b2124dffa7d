import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLedger, hashApiKey, newApiKey } from "@darkroom/accounts";
import { generationSchema } from "@darkroom/contracts";
import { connectWorker, untilConnected } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { type PrivateRedis, startFakeOpenAi, startRedis, withinOneDay } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { startStack } from "./stack.ts";

withinOneDay();

const run = promisify(execFile);
const linkSecret = "a secret for tests, long enough to be one";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-backup-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function connectTo({ url }: { url: string }) {
  const redis = connectWorker(url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 10_000);
  return redis;
}

/** A copy of Redis, made as docs/operating.md says, that an empty Redis can be started from. */
type Backup = { restore: () => Promise<PrivateRedis> };

/** A snapshot as it is at this moment. */
async function backUpSnapshot(server: PrivateRedis): Promise<Backup> {
  const redis = await connectTo(server);
  const savedAt = await redis.lastsave();
  // A snapshot is dated by the second, and a server that has just started counts as saved.
  await expect.poll(async () => Number((await redis.time())[0])).toBeGreaterThan(savedAt);
  await redis.bgsave();
  await expect.poll(() => redis.lastsave()).toBeGreaterThan(savedAt);
  const folder = await temporaryFolder();
  await cp(join(server.folder, "dump.rdb"), join(folder, "dump.rdb"));
  return {
    async restore() {
      const fresh = await startEmpty();
      await cp(join(folder, "dump.rdb"), join(fresh.folder, "dump.rdb"));
      // With appendonly Redis reads no snapshot and begins with nothing.
      await fresh.restart(["--appendonly", "no"]);
      await (await connectTo(fresh)).config("SET", "appendonly", "yes");
      return fresh;
    },
  };
}

/** The append-only files, copied later than the moment to which Redis is taken back. */
async function backUpAppendOnly(server: PrivateRedis): Promise<Backup> {
  const redis = await connectTo(server);
  const [atSecond] = await redis.time();
  // Only a whole second can be named.
  await expect.poll(async () => Number((await redis.time())[0])).toBeGreaterThan(Number(atSecond) + 1);
  return {
    async restore() {
      const fresh = await startEmpty();
      const folder = join(fresh.folder, "appendonlydir");
      await rm(folder, { recursive: true, force: true });
      await cp(join(server.folder, "appendonlydir"), folder, { recursive: true });
      const manifest = join(folder, "appendonly.aof.manifest");
      await run("redis-check-aof", ["--truncate-to-timestamp", String(Number(atSecond) + 1), manifest]);
      await fresh.restart();
      return fresh;
    },
  };
}

/** A Redis on an empty machine, which is not running. */
async function startEmpty(): Promise<PrivateRedis> {
  const fresh = await startRedis();
  onTestFinished(fresh.stop);
  await fresh.kill();
  await rm(join(fresh.folder, "appendonlydir"), { recursive: true, force: true });
  return fresh;
}

/**
 * A service that has drawn one image, draws a second and has a third in line when it is backed up. Then it draws both, and one more; it
 * exports the ledger, and is lost with its Redis.
 */
async function loseAfterBackup(backUp: (server: PrivateRedis) => Promise<Backup>) {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const adminKey = newApiKey();
  const stack = await startStack({
    workers: 1,
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      LINK_SIGNING_SECRET: linkSecret,
      WORKER_CONCURRENCY: "1",
      LOG_LEVEL: "info",
    },
  });
  const redis = await connectTo(stack.redis);
  await redis.config("SET", "aof-timestamp-enabled", "yes");
  let { origin } = stack;
  const headers = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };

  async function submit(prompt: string): Promise<string> {
    const body = JSON.stringify({ model: "gpt-image-1", size: "1024x1024", quality: "low", prompt });
    const url = `${origin}/v1/images/generations`;
    const answer = await fetch(url, { method: "POST", headers: { ...headers, prefer: "respond-async" }, body });
    expect(answer.status).toBe(202);
    return z.object({ id: z.string() }).parse(await answer.json()).id;
  }
  const statusOf = async (id: string) => {
    const answer = await fetch(`${origin}/v1/generations/${id}`, { headers });
    return answer.ok ? generationSchema.parse(await answer.json()).status : answer.status;
  };
  const untilSucceeded = async (...ids: readonly string[]) => {
    for (const id of ids) await expect.poll(() => statusOf(id)).toBe("succeeded");
  };
  const admin = async (path: string, body: object = {}): Promise<unknown> => {
    const ofAdmin = { ...headers, authorization: `Bearer ${adminKey}` };
    const answer = await fetch(`${origin}${path}`, { method: "POST", headers: ofAdmin, body: JSON.stringify(body) });
    return answer.json();
  };

  const before = await submit("before the backup");
  await untilSucceeded(before);
  const held = Promise.withResolvers<void>();
  upstream.always({ after: held.promise });
  const running = await submit("under way");
  await expect.poll(() => upstream.requests.length).toBe(2);
  const queued = await submit("in line");
  const backup = await backUp(stack.redis);
  upstream.always({});
  held.resolve();
  await untilSucceeded(running, queued);
  const after = await submit("after the backup");
  await untilSucceeded(after);
  const day = new Date().toISOString().slice(0, 10);
  const exportLedger = () => admin(`/admin/ledger/${day}/export`);
  await exportLedger();
  expect(upstream.requests).toHaveLength(4);

  // The end of the machine.
  await Promise.all([...stack.apis, ...stack.workers].map((service) => service.end("SIGKILL")));
  await stack.redis.kill();
  const restored = await backup.restore();
  const own = { REDIS_URL: restored.url };
  // Nothing is drawn before the operator has looked.
  ({ origin } = await stack.startApi(own));

  const objects = createObjectStore({
    storage: "filesystem",
    directory: stack.images,
    links: { publicBaseUrl: origin, signingSecret: linkSecret },
  });
  onTestFinished(() => objects.close());
  const log = { warn() {} };
  const ledger = createLedger({ redis: await connectTo(restored), prefix: "darkroom", objects, log });
  return {
    upstream,
    ids: { before, running, queued, after },
    statusOf,
    untilSucceeded,
    admin,
    startWorker: () => stack.startWorker(own),
    exportLedger,
    /** The entries of the day, those that are in the bucket and those in Redis. */
    async readLedger(): Promise<string[]> {
      const entries: string[] = [];
      for await (const { id, status } of ledger.read(day)) entries.push(`${id} ${status}`);
      return entries;
    },
    linkOf: async (id: string) => {
      const answer = await fetch(`${origin}/v1/generations/${id}`, { headers });
      const { response } = generationSchema.parse(await answer.json());
      return response?.data[0]?.url ?? "";
    },
  };
}

const methods = [
  { title: "a snapshot", backUp: backUpSnapshot },
  { title: "append-only files, cut to a second", backUp: backUpAppendOnly },
];

test.for(methods)(
  "after a restore from $title what had ended is there, what was under way is bought again, and the ledger in the bucket has every purchase",
  async ({ backUp }) => {
    const service = await loseAfterBackup(backUp);
    const { before, running, queued, after } = service.ids;
    expect(await Promise.all([before, running, queued, after].map(service.statusOf))).toEqual([
      "succeeded",
      "running",
      "queued",
      404,
    ]);
    expect((await fetch(await service.linkOf(before))).status).toBe(200);
    await service.startWorker();
    await service.untilSucceeded(running, queued);
    expect(service.upstream.requests).toHaveLength(6);
    // An entry is named by the generation and the version with which it ended. The generation in line has ended with the same version twice,
    // so it is billed once. The one under way was begun once more, and is billed twice.
    const entries = [before, running, queued, after].map((id) => `${id}:3 succeeded`);
    expect(await service.readLedger()).toEqual([...entries, `${running}:4 succeeded`]);
    await service.exportLedger();
    expect(await service.readLedger()).toEqual([...entries, `${running}:4 succeeded`]);
  },
);

test("after a restore with paused lanes what was under way can be canceled, and nothing is bought again", async () => {
  const service = await loseAfterBackup(backUpSnapshot);
  const { before, running, queued } = service.ids;
  await service.admin("/admin/lanes/openai.interactive/pause");
  await service.startWorker();
  for (const status of ["queued", "running"]) {
    const counted = await service.admin("/admin/generations/cancel", { filter: { status } });
    const { filter } = z.object({ filter: z.looseObject({}) }).parse(counted);
    await service.admin("/admin/generations/cancel", { filter, dry_run: false, at_most: 1 });
  }
  await service.admin("/admin/lanes/openai.interactive/resume");
  for (const id of [running, queued]) await expect.poll(() => service.statusOf(id)).toBe("canceled");
  expect(await service.statusOf(before)).toBe("succeeded");
  expect(service.upstream.requests).toHaveLength(4);
  await service.exportLedger();
  const entries = Object.values(service.ids).map((id) => `${id}:3 succeeded`);
  expect(await service.readLedger()).toEqual([...entries, `${queued}:2 canceled`]);
});

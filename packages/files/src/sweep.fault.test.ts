import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ownerFaults, startBrokenOwner, startOwner, temporaryFolder, testRedisUrl } from "@darkroom/testing";
import { expect, test } from "vitest";
import { createFileKeys } from "./file-keys.ts";
import { filesystemStore, jsonl, openFiles } from "./files.fixture.ts";

const program = fileURLToPath(new URL("sweep-process.fixture.ts", import.meta.url));
const leaseMs = 1_000;
const expired = 20;
const removed = 7;

test.each(Object.entries(ownerFaults))(
  "an owner of the sweep of files that is %s in the middle of a page is replaced, and what has expired is gone, and nothing else",
  async (fault, breakDown) => {
    const directory = await temporaryFolder();
    const { prefix, redis, files, beside, keysLeft, quarantine } = openFiles(filesystemStore(directory));
    const { dropping } = createFileKeys(prefix);
    // The clock of the fixture is months behind that of Redis.
    for (let i = 0; i < expired; i++) await files.create({ ...jsonl(`{"line":${i}}`), expiresInSeconds: 3_600 });
    const today = beside({ now: async () => Date.now() });
    const kept = await today.create({ ...jsonl("{}"), expiresInSeconds: 3_600 });
    const stored = async () =>
      (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
    // A file beside each has what the store was told of it.
    const storedOfOne = (await stored()) / (expired + 1);

    const redisUrl = testRedisUrl();
    const args = [prefix, `${leaseMs}`, directory];
    const { mend } = await startBrokenOwner({ program, redisUrl, args: [...args, `${removed}`], breakDown });
    expect(await redis.zcard(dropping)).toBe(expired);
    expect(await stored()).toBe((expired + 1 - removed) * storedOfOne);
    startOwner(program, [redisUrl, ...args, "Infinity"]);
    // Its minute with them is over.
    const left = await redis.zrange(dropping, "0", "-1");
    await redis.zadd(dropping, ...left.flatMap((object) => [0, object]));
    await expect.poll(() => redis.zcard(dropping)).toBe(0);
    expect(await stored()).toBe(storedOfOne);

    // The former owner goes on where it was.
    await redis.set(`${prefix}:go`, "1");
    mend();
    await expect.poll(async () => fault === "killed" || (await redis.exists(`${prefix}:over`)) === 1).toBe(true);
    expect(await stored()).toBe(storedOfOne);
    expect(await today.read(kept.id)).toMatchObject({ id: kept.id });
    expect(await quarantine.list({ limit: 10 })).toEqual([]);
    await today.remove(kept.id);
    const own = [":task-leases", ":task-workers", ":go", ":over"];
    expect((await keysLeft()).filter((key) => !own.some((part) => key.endsWith(part)))).toEqual([]);
  },
);

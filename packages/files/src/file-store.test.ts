import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { isFileId } from "@darkroom/contracts";
import {
  createObjectStore,
  ObjectNotFoundError,
  ObjectsLeftError,
  type ObjectStore,
  StorageError,
} from "@darkroom/storage";
import { describeWithS3, temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { filesystemStore, jsonl, memoryStore, openFiles, tenant } from "./files.fixture.ts";

const dayMs = 86_400_000;
const MB = 1_000_000;

/** A source of so many bytes, a piece at a time, that ends as told. */
function source(bytes: number, end?: Error): Readable {
  return Readable.from(
    (async function* () {
      for (let left = bytes; left > 0; left -= 64 * 1024) yield Buffer.alloc(Math.min(left, 64 * 1024), "x");
      if (end) throw end;
    })(),
  );
}

const reasonOf = async (failing: Promise<unknown>) => {
  const error: unknown = await failing.catch((thrown: unknown) => thrown);
  expect(error).toHaveProperty("name", "FileUploadError");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- asked on the line before
  return error as Error & { reason: string };
};

function describeFiles(name: string, makeStore: () => ObjectStore | Promise<ObjectStore>): void {
  describe(`files with ${name}`, () => {
    test("a file comes back as it went in", async () => {
      const { files } = openFiles(await makeStore());
      const record = await files.create(jsonl(source(7 * MB)));
      expect(isFileId(record.id)).toBe(true);
      expect(record).toMatchObject({ tenant, purpose: "batch", filename: "prompts.jsonl", bytes: 7 * MB });
      expect(record.expiresAtMs - record.createdAtMs).toBe(30 * dayMs);
      expect(await files.read(record.id)).toEqual(record);
      const { size, contentType, body } = await files.open(record);
      expect({ size, contentType }).toEqual({ size: 7 * MB, contentType: "application/jsonl" });
      expect(await buffer(body)).toHaveLength(7 * MB);
      await files.remove(record.id);
    });

    test("an empty file is a file", async () => {
      const { files } = openFiles(await makeStore());
      const record = await files.create(jsonl(Readable.from([])));
      expect(record.bytes).toBe(0);
      expect(await buffer((await files.open(record)).body)).toHaveLength(0);
      await files.remove(record.id);
    });

    test("a file may have as many bytes as allowed, and not one more", async () => {
      const { files, keysLeft, redis, prefix } = openFiles(await makeStore());
      const record = await files.create({ ...jsonl(source(6 * MB)), maxBytes: 6 * MB });
      expect(record.bytes).toBe(6 * MB);
      const body = source(6 * MB + 1);
      expect(await reasonOf(files.create({ ...jsonl(body), maxBytes: 6 * MB }))).toHaveProperty("reason", "too_large");
      expect(body.destroyed).toBe(true);
      expect((await files.list({ tenant, limit: 10, order: "asc" }))?.records).toEqual([record]);
      await files.remove(record.id);
      expect(await keysLeft()).toEqual([]);
      expect(await redis.exists(`${prefix}:files-dropping`)).toBe(0);
    });

    test.each([0, 6 * MB])("nothing is left of one that breaks off after %i bytes", async (bytes) => {
      const { files, keysLeft, objectOf } = openFiles(await makeStore());
      const id = "file-00000000000000000000000000";
      const cause = new Error("the caller left");
      for (const own of [undefined, id]) {
        const error = await reasonOf(files.create({ ...jsonl(source(bytes, cause)), id: own }));
        expect(error).toMatchObject({ reason: "broken_off", cause });
      }
      expect(await objectOf(id)).toBeNull();
      expect(await files.list({ tenant, limit: 10, order: "asc" })).toMatchObject({ records: [], hasMore: false });
      // The given id may be that of a file that another process is making.
      expect((await keysLeft()).map((key) => key.split(":").at(-1))).toEqual(["files-expiring"]);
    });

    test("a source that is destroyed, before or while it is read, is no whole file", async () => {
      const { files } = openFiles(await makeStore());
      const failed = source(6 * MB).destroy(new Error("broken"));
      const left = source(6 * MB).destroy();
      const leaving = source(6 * MB);
      let chunks = 0;
      leaving.on("data", () => void (++chunks === 5 && leaving.destroy())).pause();
      for (const body of [failed, left, leaving]) {
        expect(await reasonOf(files.create(jsonl(body)))).toHaveProperty("reason", "broken_off");
      }
      expect(chunks).toBe(5);
      expect(await files.list({ tenant, limit: 10, order: "asc" })).toMatchObject({ records: [], hasMore: false });
    });

    test("the same id again replaces the file, and a failure leaves the one before", async () => {
      const { files, read, pass } = openFiles(await makeStore());
      const id = "file-00000000000000000000000001";
      await files.create({ ...jsonl("the first"), id });
      pass(1_000);
      const second = await files.create({ ...jsonl("the second file"), id });
      await reasonOf(files.create({ ...jsonl(source(10, new Error("broken"))), id }));
      await reasonOf(files.create({ ...jsonl("the third, which is too long"), id, maxBytes: 5 }));
      expect(await files.read(id)).toEqual(second);
      expect(second.bytes).toBe(15);
      expect(await read(id)).toBe("the second file");
      expect((await files.list({ tenant, limit: 10, order: "asc" }))?.records).toEqual([second]);
      await files.remove(id);
    });

    test("a removed file is gone, bytes and all", async () => {
      const { files, objectOf, keysLeft } = openFiles(await makeStore());
      const record = await files.create(jsonl("{}"));
      expect(await files.remove(record.id)).toBe(true);
      expect(await files.remove(record.id)).toBe(false);
      expect(await files.read(record.id)).toBeNull();
      expect(await objectOf(record.id)).toBeNull();
      await expect(files.open(record)).rejects.toBeInstanceOf(ObjectNotFoundError);
      expect(await keysLeft()).toEqual([]);
    });
  });
}

describeFiles("memory", memoryStore);
describeFiles("a folder", async () => filesystemStore(await temporaryFolder()));
describeWithS3("files", ({ accessKeyId, secretAccessKey, ...place }) => {
  describeFiles("S3", () => {
    const credentials = { accessKeyId, secretAccessKey };
    const store = createObjectStore({ storage: "s3", ...place, credentials, createBucket: false });
    onTestFinished(() => store.close());
    return store;
  });
});

describe("an upload", () => {
  test("is no file until it is kept", async () => {
    const { files } = openFiles();
    const upload = await files.upload({ tenant, body: Readable.from(["{}"]) });
    expect(upload.bytes).toBe(2);
    expect(await files.list({ tenant, limit: 10, order: "asc" })).toMatchObject({ records: [], hasMore: false });
    const record = await upload.keep({ purpose: "batch", filename: "a.jsonl", expiresInSeconds: 3_600 });
    expect(record.expiresAtMs - record.createdAtMs).toBe(3_600_000);
    expect(await files.read(record.id)).toEqual(record);
  });

  test("leaves nothing when it is discarded", async () => {
    const objects = memoryStore();
    const put: string[] = [];
    const { beside, keysLeft } = openFiles(objects);
    const noting: ObjectStore["put"] = (key, ...rest) => objects.put(put[put.push(key) - 1] ?? "", ...rest);
    const upload = await beside({ objects: { ...objects, put: noting } }).upload({
      tenant,
      body: Readable.from(["{}"]),
    });
    expect(await objects.head(put[0] ?? "")).not.toBeNull();
    await upload.discard();
    expect(await objects.head(put[0] ?? "")).toBeNull();
    expect(await keysLeft()).toEqual([]);
  });

  test("whose process dies is swept away after a day, and not before", async () => {
    const { files, pass, objectOf, keysLeft } = openFiles();
    const id = "file-00000000000000000000000002";
    await files.upload({ id, tenant, body: Readable.from(["{}"]) });
    pass(dayMs - 1);
    expect(await files.sweep()).toBe(0);
    expect(await objectOf(id)).not.toBeNull();
    pass(1);
    expect(await files.sweep()).toBe(1);
    expect(await objectOf(id)).toBeNull();
    expect(await keysLeft()).toEqual([]);
  });

  test("that was swept away is not kept as a file without bytes", async () => {
    const { files, pass } = openFiles();
    const upload = await files.upload({ tenant, body: Readable.from(["{}"]) });
    pass(dayMs);
    await files.sweep();
    const error = await reasonOf(upload.keep({ purpose: "batch", filename: "a.jsonl" }));
    expect(error.reason).toBe("not_kept");
    expect(await files.list({ tenant, limit: 10, order: "asc" })).toMatchObject({ records: [], hasMore: false });
  });

  test("leaves nothing when the store fails, whatever it had stored by then", async () => {
    const objects = memoryStore();
    const { beside, keysLeft } = openFiles(objects);
    const cause = new Error("no answer");
    let stored = "";
    const put: ObjectStore["put"] = async (key, ...rest) => {
      await objects.put((stored = key), ...rest);
      throw cause;
    };
    const error = await reasonOf(beside({ objects: { ...objects, put } }).create(jsonl("{}")));
    expect(error).toMatchObject({ reason: "not_kept", cause });
    expect(await objects.head(stored)).toBeNull();
    expect(await keysLeft()).toEqual([]);
  });

  test("that finds the store away from its beginning lets go of its source", async () => {
    const objects = memoryStore();
    const { beside } = openFiles(objects);
    const body = source(MB);
    const put = () => Promise.reject(new Error("away"));
    await reasonOf(beside({ objects: { ...objects, put } }).create(jsonl(body)));
    expect(body.destroyed).toBe(true);
  });
});

describe("a removal", () => {
  test("holds while the store is away, and the bytes go with a later sweep", async () => {
    const objects = memoryStore();
    const { files, beside, pass, objectOf, keysLeft, warnings } = openFiles(objects);
    const away = beside({ objects: { ...objects, delete: () => Promise.reject(new Error("away")) } });
    const { id } = await files.create(jsonl("{}"));
    expect(await away.remove(id)).toBe(true);
    expect(warnings).toHaveLength(1);
    expect(await files.read(id)).toBeNull();
    expect(await objectOf(id)).not.toBeNull();
    // Until then another may be at it.
    expect(await files.sweep()).toBe(0);
    pass(60_000);
    await expect(away.sweep()).rejects.toThrow("away");
    expect(await files.sweep()).toBe(1);
    expect(await objectOf(id)).toBeNull();
    expect(await keysLeft()).toEqual([]);
  });

  test("under way is not overtaken by a new file of the same id", async () => {
    const objects = memoryStore();
    const { files, beside } = openFiles(objects);
    const away = beside({ objects: { ...objects, delete: () => Promise.reject(new Error("away")) } });
    const id = "file-00000000000000000000000003";
    await files.create({ ...jsonl("{}"), id });
    await away.remove(id);
    expect(await reasonOf(files.create({ ...jsonl("{}"), id }))).toHaveProperty("reason", "not_kept");
  });
});

describe("a sweep", () => {
  test("removes what has expired, in several processes at once", async () => {
    const { files, beside, pass, keysLeft, objectOf } = openFiles();
    const expiring = await Promise.all(
      Array.from({ length: 30 }, () => files.create({ ...jsonl("{}"), expiresInSeconds: 3_600 })),
    );
    const kept = await files.create(jsonl("{}"));
    pass(3_600_000);
    // Gone for readers before it is swept.
    expect(await files.read(expiring[0]?.id ?? "")).toBeNull();
    expect(await files.list({ tenant, limit: 1, order: "asc" })).toMatchObject({ records: [kept], hasMore: false });
    const swept = await Promise.all([files.sweep(), beside().sweep(), beside().sweep()]);
    expect(swept.reduce((sum, one) => sum + one)).toBe(30);
    for (const { id } of expiring) expect(await objectOf(id)).toBeNull();
    expect(await objectOf(kept.id)).not.toBeNull();
    await files.remove(kept.id);
    expect(await keysLeft()).toEqual([]);
  });

  test("passes over a file that was replaced since", async () => {
    const { files, pass } = openFiles();
    const id = "file-00000000000000000000000004";
    await files.create({ ...jsonl("{}"), id, expiresInSeconds: 3_600 });
    pass(3_599_999);
    const record = await files.create({ ...jsonl("{}"), id, expiresInSeconds: 3_600 });
    pass(1);
    expect(await files.sweep()).toBe(0);
    expect(await files.read(id)).toEqual(record);
  });

  test("of a process whose clock is a month ahead leaves what has not expired by the clock of Redis", async () => {
    const { beside } = openFiles();
    const files = beside({ now: undefined });
    const record = await files.create({ ...jsonl("{}"), expiresInSeconds: 3_600 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31 * dayMs });
    onTestFinished(() => void vi.useRealTimers());
    expect(await files.sweep()).toBe(0);
    expect(await files.read(record.id)).toEqual(record);
  });
});

describe("a sweep that comes upon a file that cannot be removed", () => {
  /** Three files that have expired. The first of them is the first of the list. */
  async function openExpired() {
    const opened = openFiles();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { id } = await opened.files.create({ ...jsonl("{}"), tenant: `tenant${i}`, expiresInSeconds: 3_600 + i });
      ids.push(id);
    }
    opened.pass(3_700_000);
    const objectOf = (i: number) => `tenant${i}/files/${ids[i]}`;
    const left = async () =>
      (
        await Promise.all([0, 1, 2].map(async (i) => ((await opened.objects.head(objectOf(i))) === null ? [] : [i])))
      ).flat();
    /** A store that keeps the object of the first. */
    const keeping = (retryable: boolean) => ({
      ...opened.objects,
      delete: async (keys: readonly string[]) => {
        const key = objectOf(0);
        await opened.objects.delete(keys.filter((one) => one !== key));
        if (!keys.includes(key)) return;
        const error = new StorageError({ operation: "delete", key, retryable, advice: "It may not be removed." });
        throw new ObjectsLeftError(new Map([[key, error]]));
      },
    });
    return { ...opened, ids, objectOf, left, keeping };
  }

  test("for what is stored in Redis sets it aside, and removes the others", async () => {
    const { files, redis, prefix, quarantine, objectOf, left } = await openExpired();
    await redis.set(`${prefix}:files:tenant0`, "damaged");
    expect(await files.sweep()).toBe(2);
    expect(await left()).toEqual([0]);
    const [entry] = await quarantine.list({ limit: 10 });
    expect(entry).toMatchObject({ kind: "file-removal", subject: objectOf(0), droppable: true });
    expect(await files.sweep()).toBe(0);
  });

  test("for a refusal of the store for good sets it aside, and removes the others", async () => {
    const { beside, quarantine, objectOf, left, keeping } = await openExpired();
    expect(await beside({ objects: keeping(false) }).sweep()).toBe(2);
    expect(await left()).toEqual([0]);
    expect(await quarantine.list({ limit: 10 })).toMatchObject([{ kind: "file-removal", subject: objectOf(0) }]);
  });

  test("for a refusal of the moment tries again a minute later", async () => {
    const { beside, files, pass, quarantine, left, keeping } = await openExpired();
    expect(await beside({ objects: keeping(true) }).sweep()).toBe(2);
    expect(await files.sweep()).toBe(0);
    pass(60_000);
    expect(await files.sweep()).toBe(1);
    expect(await left()).toEqual([]);
    expect(await quarantine.list({ limit: 10 })).toEqual([]);
  });

  test("a page of objects that the store refuses does not keep it from those behind them for more than a round", async () => {
    const { beside, objects, redis, prefix, pass, files } = openFiles();
    const refused = Array.from({ length: 500 }, (_, i) => [i, `tenant/files/refused${i}`] as const);
    await redis.zadd(`${prefix}:files-dropping`, ...refused.flat(), 1_000, "tenant/files/behind");
    const keeping = {
      ...objects,
      delete: async (keys: readonly string[]) => {
        const kept = keys.filter((key) => key.includes("refused"));
        if (kept.length === 0) return;
        const advice = "It may not be removed.";
        const error = (key: string) => new StorageError({ operation: "delete", key, retryable: false, advice });
        throw new ObjectsLeftError(new Map(kept.map((key) => [key, error(key)])));
      },
    };
    await expect(beside({ objects: keeping }).sweep()).rejects.toThrow(ObjectsLeftError);
    expect(await beside({ objects: keeping }).sweep()).toBe(1);
    // Nothing is forgotten.
    pass(60_001);
    expect(await files.sweep()).toBe(500);
  });
});

test("a file with a purpose of a newer release is read, listed and removed", async () => {
  const { files, redis, prefix, keysLeft } = openFiles();
  const { id } = await files.create(jsonl("{}"));
  const purpose = "of tomorrow";
  await redis.hset(`${prefix}:file:${id}`, { purpose });
  await redis.zadd(`${prefix}:files:${tenant}:${purpose}`, 1, id);
  expect(await files.read(id)).toMatchObject({ id, purpose });
  const page = await files.list({ tenant, limit: 10, order: "desc" });
  expect(page?.records).toMatchObject([{ id, purpose }]);
  expect(await files.remove(id)).toBe(true);
  expect(await files.read(id)).toBeNull();
  expect(await keysLeft()).toEqual([]);
});

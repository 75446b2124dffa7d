import { Readable } from "node:stream";
import { createAccounts } from "@darkroom/accounts";
import { describe, expect, test } from "vitest";
import { FileUploadError } from "./file-upload-error.ts";
import { jsonl, openFiles, tenant } from "./files.fixture.ts";

const tenBytes = "0123456789";
const dayMs = 86_400_000;

/** Files with quotas, what their tenant is said to have, and what its records say. */
function openQuota() {
  const opened = openFiles();
  const { keyStore } = createAccounts({ redis: opened.redis, prefix: opened.prefix });
  return {
    ...opened,
    use: async () => {
      const { files, bytes } = await keyStore.readTenantUse(tenant);
      const counted = await opened.files.count(tenant);
      expect(counted, "what the records say").toEqual({ files, bytes });
      return { files, bytes };
    },
    put: (quota: { files: number | null; bytes: number | null } | undefined, more: object = {}) =>
      opened.files.create({ ...jsonl(tenBytes), quota, ...more }),
  };
}

const reasonOf = async (failing: Promise<unknown>) =>
  failing.then(
    () => "kept",
    (error: unknown) => (error instanceof FileUploadError ? error.reason : error),
  );

describe("a quota of files", () => {
  test("of ten takes exactly ten of a hundred uploads that come together, and nothing is left of the others", async () => {
    const { put, use, files, objects, redis, prefix } = openQuota();
    const reasons = await Promise.all(Array.from({ length: 100 }, () => reasonOf(put({ files: 10, bytes: null }))));
    expect(reasons.filter((reason) => reason === "kept")).toHaveLength(10);
    expect(reasons.filter((reason) => reason === "no_room_for_files")).toHaveLength(90);
    expect(await use()).toEqual({ files: 10, bytes: 100 });
    const left = await redis.zrange(`${prefix}:files-expiring`, "0", "-1");
    expect(left).toHaveLength(10);
    expect(await redis.zcard(`${prefix}:files-dropping`)).toBe(0);
    const listed = (await files.list({ tenant, limit: 100, order: "asc" }))?.records ?? [];
    expect(await Promise.all(listed.map(({ id }) => objects.head(`${tenant}/files/${id}`)))).not.toContain(null);
  });

  test("of bytes takes what fits to the byte, and not one more", async () => {
    const { put, use } = openQuota();
    await put({ files: null, bytes: 25 });
    await put({ files: null, bytes: 25 });
    expect(await reasonOf(put({ files: null, bytes: 29 }))).toBe("no_room_for_bytes");
    expect(await reasonOf(put({ files: null, bytes: 30 }))).toBe("kept");
    expect(await use()).toEqual({ files: 3, bytes: 30 });
  });
});

describe("room is given back", () => {
  test("when a file is removed, once, also where two remove it", async () => {
    const { put, use, beside } = openQuota();
    const { id } = await put({ files: 2, bytes: null });
    await put({ files: 2, bytes: null });
    await Promise.all([beside().remove(id), beside().remove(id), beside().remove(id)]);
    expect(await use()).toEqual({ files: 1, bytes: 10 });
    expect(await reasonOf(put({ files: 2, bytes: null }))).toBe("kept");
  });

  test("when a file has expired", async () => {
    const { put, use, files, pass } = openQuota();
    await put({ files: 1, bytes: null });
    pass(30 * dayMs);
    await files.sweep();
    expect(await use()).toEqual({ files: 0, bytes: 0 });
    expect(await reasonOf(put({ files: 1, bytes: null }))).toBe("kept");
  });

  test("by nothing that has never counted: an upload that died, or was refused", async () => {
    const { put, use, files, pass } = openQuota();
    await put({ files: 1, bytes: null });
    await reasonOf(put({ files: 1, bytes: null }));
    const upload = await files.upload({ tenant, body: Readable.from([Buffer.from(tenBytes)]) });
    expect(await use()).toEqual({ files: 1, bytes: 10 });
    pass(dayMs);
    await files.sweep();
    expect(await reasonOf(upload.keep({ ...jsonl(""), quota: { files: 9, bytes: null } }))).toBe("not_kept");
    expect(await use()).toEqual({ files: 1, bytes: 10 });
  });
});

describe("what counts", () => {
  test("is a file that replaces another one once, with its own bytes", async () => {
    const { put, use } = openQuota();
    const { id } = await put({ files: 1, bytes: null });
    await put({ files: 1, bytes: null }, { id, body: Readable.from([Buffer.from("four")]) });
    expect(await use()).toEqual({ files: 1, bytes: 4 });
  });

  test("is not the output of a batch", async () => {
    const { put, use, files } = openQuota();
    const { id } = await put(undefined, { purpose: "batch_output" });
    await put({ files: 1, bytes: 10 });
    await files.remove(id);
    expect(await use()).toEqual({ files: 1, bytes: 10 });
  });

  test("is a file of a tenant of its own", async () => {
    const { put, use, files } = openQuota();
    await put({ files: 1, bytes: null });
    const theirs = { ...jsonl(tenBytes), tenant: `${tenant}-other`, quota: { files: 1, bytes: null } };
    expect(await reasonOf(files.create(theirs))).toBe("kept");
    expect(await use()).toEqual({ files: 1, bytes: 10 });
  });
});

describe("the count in the records", () => {
  test("has each file once, also where files that do not count come and go while it reads", async () => {
    const { put, use, pass, files, beside, redis } = openQuota();
    const { id } = await put(undefined, { purpose: "batch_output" });
    pass(1);
    await Promise.all(Array.from({ length: 600 }, () => put({ files: 600, bytes: null })));
    let isRemoved = false;
    const reading = new Proxy(redis, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name !== "zrange" && name !== "zscan") return member.bind(target);
        return async (...args: unknown[]): Promise<unknown> => {
          const answer: unknown = await Reflect.apply(member, target, args);
          if (!isRemoved) isRemoved = await files.remove(id);
          return answer;
        };
      },
    });
    const counted = await beside({ redis: reading }).count(tenant);
    expect(isRemoved).toBe(true);
    expect(counted).toEqual(await use());
    expect(counted).toEqual({ files: 600, bytes: 6_000 });
  });

  test("passes over a record of another type", async () => {
    const { put, files, redis, prefix } = openQuota();
    const [damaged] = [await put({ files: 2, bytes: null }), await put({ files: 2, bytes: null })];
    await redis.set(`${prefix}:file:${damaged.id}`, "damaged");
    expect(await files.count(tenant)).toEqual({ files: 1, bytes: 10 });
  });
});

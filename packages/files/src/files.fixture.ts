import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { connectWorker, createKeys, createQuarantine } from "@darkroom/redis";
import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import { testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { createFileStore, type FileStoreOptions } from "./file-store.ts";

const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
export const memoryStore = (): ObjectStore => createObjectStore({ storage: "memory", links });
export const filesystemStore = (directory: string): ObjectStore =>
  createObjectStore({ storage: "filesystem", directory, links });

export const tenant = `acme-${randomBytes(4).toString("hex")}`;
export const jsonl = (body: Readable | string) => ({
  tenant,
  purpose: "batch" as const,
  filename: "prompts.jsonl",
  body: typeof body === "string" ? Readable.from([Buffer.from(body)]) : body,
});

/** A file store on a real Redis, under a prefix of its own, taken down after the test; its clock is the test's. */
export function openFiles(objects: ObjectStore = memoryStore()) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  let nowMs = 1_770_000_000_000;
  const warnings: string[] = [];
  /** Besides where removed files stood in lists, which goes by itself after some minutes. */
  const keysLeft = async () => (await redis.keys(`${prefix}:*`)).filter((key) => !key.includes(":former-place:"));
  onTestFinished(async () => {
    const left = await redis.keys(`${prefix}:*`);
    if (left.length > 0) await redis.del(...left);
    redis.disconnect();
  });
  const quarantine = createQuarantine({ redis, keys: createKeys(prefix), log: { error() {}, warn() {} } });
  /** The files as another process has them, with a part of it that misbehaves. */
  const beside = (over: Partial<FileStoreOptions> = {}) =>
    createFileStore({
      redis,
      prefix,
      objects,
      quarantine,
      log: { warn: (_, sentence) => void warnings.push(sentence) },
      now: async () => nowMs,
      ...over,
    });

  return {
    prefix,
    redis,
    objects,
    warnings,
    quarantine,
    keysLeft,
    beside,
    files: beside(),
    pass: (ms: number) => void (nowMs += ms),
    objectOf: (id: string) => objects.head(`${tenant}/files/${id}`),
    read: async (id: string) => String(await buffer((await objects.get(`${tenant}/files/${id}`)).body)),
  };
}

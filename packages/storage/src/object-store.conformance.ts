import { hash, randomBytes, randomUUID } from "node:crypto";
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { listeningPort } from "@darkroom/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeLinks } from "./links.conformance.ts";
import { describeStreams } from "./streams.conformance.ts";
import { ObjectNotFoundError, StorageError } from "./storage-error.ts";
import type { ObjectStore } from "./object-store.ts";

const MiB = 1024 * 1024;
const png = { contentType: "image/png" };

export type ConformanceOptions = {
  /** A new store. Its links begin with `publicBaseUrl` if it serves them through us, and live by `now` (milliseconds). */
  makeStore: (surroundings: { publicBaseUrl: string; now: () => number }) => ObjectStore | Promise<ObjectStore>;
  /** A memory store cannot stream what it must hold. */
  holdsEverythingInMemory?: boolean;
};

/** What every `ObjectStore` must do, whatever it is made of. */
export function describeObjectStore(name: string, { makeStore, holdsEverythingInMemory }: ConformanceOptions): void {
  describe(`${name} as an object store`, () => {
    const folder = `conformance-${randomUUID()}`;
    const used: string[] = [];
    let nowMs = Date.now();
    let store: ObjectStore;

    /** Serves links as the API does. */
    const server = createServer(async (request, response) => {
      const answer = await store.openLink?.(request.url ?? "");
      if (answer?.status !== "ok") {
        response.writeHead(answer?.status === "missing" ? 404 : 403).end(answer?.status);
        return;
      }
      response.setHeader("content-type", answer.object.contentType);
      await pipeline(answer.object.body, response);
    });

    beforeAll(async () => {
      const port = await listeningPort(server.listen(0, "127.0.0.1"));
      store = await makeStore({ publicBaseUrl: `http://127.0.0.1:${port}`, now: () => nowMs });
    });
    afterAll(async () => {
      await store.delete(used);
      await store.close();
      server.closeAllConnections();
      server.close();
    });

    const newKey = (ending = "0.png") => {
      const key = `${folder}/${randomUUID()}/${ending}`;
      used.push(key);
      return key;
    };
    const read = async (key: string) => buffer((await store.get(key)).body);

    test("check passes", async () => {
      await expect(store.check()).resolves.toBeUndefined();
    });

    test("nobody reads what is private without a link", async () => {
      expect(await store.publicAddresses()).toEqual([]);
    });

    test("a buffer and a stream come back as they went in, with their content type", async () => {
      const bytes = randomBytes(300_000);
      for (const body of [bytes, Readable.from([bytes.subarray(0, 7), bytes.subarray(7)])]) {
        const key = newKey();
        await store.put(key, body, png);
        const { body: found, ...facts } = await store.get(key);
        expect((await buffer(found)).equals(bytes)).toBe(true);
        expect(facts).toEqual({ size: 300_000, contentType: "image/png" });
        expect(await store.head(key)).toEqual(facts);
      }
    });

    test("an object can be read from any of its bytes on, and tells the size of the whole", async () => {
      const bytes = randomBytes(300_000);
      const key = newKey();
      await store.put(key, bytes, png);
      for (const from of [0, 1, 65_536, 299_999]) {
        const { body, ...facts } = await store.get(key, { from });
        expect((await buffer(body)).equals(bytes.subarray(from))).toBe(true);
        expect(facts).toEqual({ size: 300_000, contentType: "image/png" });
      }
    });

    test("a second put replaces the bytes and the content type", async () => {
      const key = newKey();
      await store.put(key, Buffer.from("the longer first text"), png);
      await store.put(key, Buffer.from("second"), { contentType: "image/webp" });
      expect((await read(key)).toString()).toBe("second");
      expect(await store.head(key)).toEqual({ size: 6, contentType: "image/webp" });
    });

    test("an empty object is an object", async () => {
      for (const body of [Buffer.alloc(0), Readable.from([])]) {
        const key = newKey();
        await store.put(key, body, png);
        expect(await store.head(key)).toEqual({ size: 0, contentType: "image/png" });
        expect(await read(key)).toHaveLength(0);
      }
    });

    test("20 MB come back whole from a buffer and from a stream", async () => {
      const bytes = randomBytes(20 * MiB);
      for (const body of [bytes, Readable.from(slices(bytes))]) {
        const key = newKey();
        await store.put(key, body, png);
        expect((await read(key)).equals(bytes)).toBe(true);
      }
    });

    test("a hundred puts at once do not mix", async () => {
      const keys = Array.from({ length: 100 }, () => newKey());
      await Promise.all(keys.map((key) => store.put(key, Buffer.from(key), png)));
      expect((await Promise.all(keys.map(read))).map(String)).toEqual(keys);
    });

    test("puts at once to one key leave one of them, whole", async () => {
      const key = newKey();
      const bodies = Array.from({ length: 10 }, (_, i) => Buffer.alloc(50_000, i));
      await Promise.all(bodies.map((body) => store.put(key, body, png)));
      const found = await read(key);
      expect(bodies.some((body) => body.equals(found))).toBe(true);
    });

    test.each([0, 12 * MiB])("a put whose stream fails after %i bytes leaves nothing behind", async (size) => {
      const key = newKey();
      const broken = Readable.from(
        (async function* () {
          yield* slices(Buffer.alloc(size));
          throw new Error("the source broke");
        })(),
      );
      await expect(store.put(key, broken, png)).rejects.toThrow("the source broke");
      expect(await store.head(key)).toBeNull();
    });

    test("a stream of a known size and hash comes back as it went in", async () => {
      const bytes = randomBytes(6 * MiB);
      const key = newKey();
      const known = { ...png, size: bytes.length, sha256: hash("sha256", bytes) };
      await store.put(key, Readable.from(slices(bytes)), known);
      expect((await read(key)).equals(bytes)).toBe(true);
      expect(await store.head(key)).toEqual({ size: bytes.length, contentType: "image/png" });
      await store.put(key, bytes.subarray(0, 10), { ...png, sha256: hash("sha256", bytes.subarray(0, 10)) });
      expect(await read(key)).toHaveLength(10);
    });

    test.each([299_999, 300_001])("a stream of 300,000 bytes that was said to have %i leaves nothing", async (size) => {
      const key = newKey();
      const body = Readable.from(slices(randomBytes(300_000)));
      await expect(store.put(key, body, { ...png, size })).rejects.toThrow(/The stream (?:has more|ended after)/);
      expect(await store.head(key)).toBeNull();
      expect(body.destroyed).toBe(true);
    });

    test("a failed put leaves what was there before", async () => {
      const key = newKey();
      await store.put(key, Buffer.from("before"), png);
      const broken = new Readable({ read: () => broken.destroy(new Error("the source broke")) });
      await expect(store.put(key, broken, png)).rejects.toThrow("the source broke");
      expect((await read(key)).toString()).toBe("before");
    });

    test("a put whose signal has aborted writes nothing and throws the reason", async () => {
      const reason = new Error("enough");
      for (const body of [randomBytes(300_000), Readable.from(slices(randomBytes(300_000)))]) {
        const key = newKey();
        await expect(store.put(key, body, { ...png, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        expect(await store.head(key)).toBeNull();
        expect(body instanceof Readable ? body.destroyed : true).toBe(true);
      }
    });

    test("a put that is broken off under way leaves what was there before, and no listener", async () => {
      const key = newKey();
      await store.put(key, Buffer.from("before"), png);
      const controller = new AbortController();
      const reason = new Error("enough");
      let reads = 0;
      const endless = new Readable({
        read() {
          if (reads++ === 0) endless.push(Buffer.alloc(MiB));
          else controller.abort(reason);
        },
      });
      await expect(store.put(key, endless, { ...png, signal: controller.signal })).rejects.toBe(reason);
      expect((await read(key)).toString()).toBe("before");

      const { signal } = new AbortController();
      await store.put(key, Buffer.from("after"), { ...png, signal });
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    test("a missing key is not found, has no head, and can be deleted", async () => {
      const key = newKey();
      const error: unknown = await store.get(key).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ObjectNotFoundError);
      expect(error).toHaveProperty("key", key);
      expect(await store.head(key)).toBeNull();
      await store.delete([key]);
      // The beginning of a key is not an object either.
      await store.put(key, Buffer.from("x"), png);
      await expect(store.get(key.slice(0, key.lastIndexOf("/")))).rejects.toBeInstanceOf(ObjectNotFoundError);
    });

    test("deleted objects are gone, the others are not", async () => {
      const keys = Array.from({ length: 40 }, () => newKey());
      const kept = newKey();
      for (const key of [...keys, kept]) await store.put(key, Buffer.from("x"), png);
      await store.delete([...keys, newKey()]);
      await store.delete([]);
      expect((await Promise.all(keys.map((key) => store.head(key)))).every((facts) => facts === null)).toBe(true);
      expect((await read(kept)).toString()).toBe("x");
    });

    test.each(["a.b-c_d.png", ".hidden", "..two", "a..b", "-", "UPPER", "deep/er/and/deeper", "x".repeat(200)])(
      "the key ending %j is taken",
      async (ending) => {
        const key = newKey(ending);
        await store.put(key, Buffer.from(ending), png);
        expect((await read(key)).toString()).toBe(ending);
      },
    );

    test.each([
      "",
      "/",
      "/etc/passwd",
      "../x",
      "a/../../x",
      "a/./x",
      "a//b",
      "a/",
      "a\0b",
      "a b",
      "é",
      "a\\b",
      "x".repeat(513),
    ])("the key %j is refused", async (key) => {
      const calls = [
        () => store.put(key, Buffer.from("x"), png),
        () => store.get(key),
        () => store.head(key),
        () => store.delete([key]),
        () => store.link(key, { expiresInSeconds: 60 }),
      ];
      for (const call of calls) {
        const error: unknown = await call().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(StorageError);
        expect(error).toHaveProperty("retryable", false);
      }
    });

    describeLinks({ store: () => store, newKey, turnBackMs: (ms) => void (nowMs -= ms) });
    describeStreams({ store: () => store, newKey, holdsEverythingInMemory });
  });
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += 64 * 1024) yield bytes.subarray(start, start + 64 * 1024);
}

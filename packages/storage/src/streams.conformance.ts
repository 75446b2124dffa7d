import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { bytesAtRest } from "./bytes-at-rest.ts";
import type { ObjectStore } from "./object-store.ts";

const MiB = 1024 * 1024;
const png = { contentType: "image/png" };

type StreamSurroundings = {
  store: () => ObjectStore;
  /** A key that is removed after the tests. */
  newKey: () => string;
  /** A memory store cannot stream what it must hold. */
  holdsEverythingInMemory: boolean | undefined;
};

/** What large bodies may take of a process, in every `ObjectStore`. */
export function describeStreams({ store, newKey, holdsEverythingInMemory }: StreamSurroundings): void {
  test("reading can be given up half-way, as often as one likes", async () => {
    const key = newKey();
    await store().put(key, randomBytes(4 * MiB), png);
    const descriptorsBefore = openDescriptors();
    // More often than a client has connections, so that one kept each time would end in a wait for ever.
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 30 }, async () => {
          const { body } = await store().get(key);
          await once(body, "data");
          const closed = new Promise((resolve) => void body.on("error", () => {}).once("close", resolve));
          body.destroy();
          await closed;
        }),
      );
    }
    expect(await buffer((await store().get(key)).body)).toHaveLength(4 * MiB);
    // 300 were given up; a client may keep a few connections for the next request.
    expect(openDescriptors() - descriptorsBefore).toBeLessThan(100);
  });

  test.skipIf(holdsEverythingInMemory)("100 MB pass in both directions without being held in memory", async () => {
    const key = newKey();
    const total = 100 * MiB;
    const before = bytesAtRest();
    let peak = 0;
    const look = () => (peak = Math.max(peak, bytesAtRest() - before));
    const source = async function* () {
      for (let sent = 0; sent < total; sent += MiB) {
        if (sent % (10 * MiB) === 0) look();
        yield Buffer.alloc(MiB, sent / MiB);
      }
    };
    await store().put(key, Readable.from(source()), png);

    let received = 0;
    let looks = 0;
    for await (const chunk of (await store().get(key)).body as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > looks * 10 * MiB && ++looks) look();
    }
    expect(received).toBe(total);
    // Two parts of 5 MiB on their way and one that fills, each with its copy in the SDK, make 30; a busy machine's sockets held 4
    // more. A store that holds it all would show 100.
    expect(peak).toBeLessThan(48 * MiB);
  });
}

/** Files and sockets that this process has open, where the system tells (Linux). */
const openDescriptors = (): number => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0);

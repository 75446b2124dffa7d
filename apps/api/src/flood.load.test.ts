import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createObjectStore } from "@darkroom/storage";
import { temporaryFolder, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { apiKey, clearRedis, links } from "./api.fixture.ts";
import { request } from "./generation.fixture.ts";
import { residentBytes, startProcess } from "./process.fixture.ts";
import { drawing, workLane } from "./worker.fixture.ts";

const prefix = `test-flood-${process.pid}`;
/** Longer than the 12 s after which a process with this heap died of its log. */
const floodMs = 20_000;
const connections = 16;
const longPath = `GET /${"a".repeat(15_000)} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Sends one request after another on each of some connections, without a key, until it is stopped. Tells how many were answered. */
function flood(port: number) {
  let answered = 0;
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(port, "127.0.0.1", () => socket.write(longPath));
    socket.on("data", (data: Buffer) => {
      // The end of its body, which is JSON on one line. The head comes with it.
      if (!data.toString("latin1").endsWith("}")) return;
      answered++;
      socket.write(longPath);
    });
    return socket.on("error", () => {});
  });
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  return {
    answered: () => answered,
    closed: () => sockets.filter(({ destroyed }) => destroyed).length,
    stop: () => sockets.forEach((socket) => socket.destroy()),
  };
}

test.each([
  ["by the api", "false"],
  ["by a proxy, which the api does not throttle", "true"],
])(
  "requests of 15,000 characters that are sent %s, while nothing reads the log, take no memory and no answer of another caller",
  async (_, TRUST_PROXY) => {
    const directory = await temporaryFolder();
    onTestFinished(() => clearRedis(prefix));
    const { child, baseUrl, lines } = startProcess({
      STORAGE: "filesystem",
      STORAGE_DIRECTORY: directory,
      QUEUE_PREFIX: prefix,
      NODE_OPTIONS: "--max-old-space-size=512",
      TRUST_PROXY,
    });
    const store = createObjectStore({ storage: "filesystem", directory, links });
    await workLane({
      redisUrl: testRedisUrl(),
      prefix,
      work: drawing(store, Buffer.alloc(10_000)),
      finish: onTestFinished,
    });
    const url = `${await baseUrl}/v1/images/generations`;
    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
    async function draw(): Promise<void> {
      const answer = await fetch(url, {
        method: "POST",
        headers,
        body: JSON.stringify({ ...request, response_format: "url" }),
      });
      await answer.arrayBuffer();
      expect(answer.status).toBe(200);
    }
    await draw();
    child.stdout.pause();
    const attack = flood(Number(new URL(url).port));

    const resident: number[] = [];
    const endsAtMs = performance.now() + floodMs;
    while (performance.now() < endsAtMs) {
      await draw();
      resident.push(residentBytes(child.pid ?? 0));
      await pause(100);
    }
    expect(attack.closed()).toBe(0);
    expect(attack.answered()).toBeGreaterThan(1_000);
    attack.stop();
    expect(child.exitCode).toBeNull();
    // The first third brings it to its working size: the buffer of the log, 16 connections, garbage.
    const third = Math.floor(resident.length / 3);
    const grown = Math.max(...resident.slice(-third)) - Math.max(...resident.slice(0, third));
    expect(grown).toBeLessThan(60_000_000);

    child.stdout.resume();
    await draw();
    const isSummed = () =>
      lines.some(({ msg }) => /^\d+ more requests without a known key were answered in a second/.test(msg));
    await expect.poll(isSummed).toBe(true);
  },
);

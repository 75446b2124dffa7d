import { hash, randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { listeningPort } from "@darkroom/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { createImageChecker } from "../check-image.ts";
import { aCall, failureOf } from "../examine-provider.fixture.ts";
import { openai } from "../openai/provider.ts";
import { settingsSchema } from "../openai/options.ts";
import { createSpool } from "../spool/spool.ts";
import { releaseBytes, sha256Of, SpooledBytes } from "../spool/spooled-bytes.ts";
import { createHttpClient } from "./http-client.ts";
import { base64, beginning, json, MiB, midStreamFaults, oddReplies, other, png, write } from "./mid-stream.fixture.ts";
import { httpSettingsSchema } from "./settings.ts";

let send: (response: ServerResponse) => unknown;
let hangUps = 0;
const server = createServer((request, response) => {
  request.resume();
  response.on("close", () => void (response.writableFinished || hangUps++));
  void Promise.resolve(send(response)).catch(() => response.destroy());
});
const origin = `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}`;
const images = createImageChecker();
const spool = createSpool();
afterEach(() => {
  hangUps = 0;
  // Whatever came of the call, nothing is left on disk.
  if (spool.usedBytes() !== 0) throw new Error(`${spool.usedBytes()} bytes are left on disk.`);
});
afterAll(() => {
  images.close();
  server.closeAllConnections();
  server.close();
});

/** Buys `n` images, and answers their hashes in place of their bytes. */
async function draw(n = 1, env: Record<string, string> = {}, signal = new AbortController().signal, into = spool) {
  const http = createHttpClient(httpSettingsSchema.parse({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true", ...env }), {
    spool: into,
  });
  const settings = settingsSchema.parse({ OPENAI_API_KEY: "key", OPENAI_BASE_URL: `${origin}/v1` });
  const call = aCall({ model: "gpt-image-1", indexes: Array.from({ length: n }, (_, index) => index), signal });
  try {
    const reply = await openai.create(settings, { http, images, onSandboxCall: () => {} }).generate(call);
    const told = reply.images.map(({ bytes, mediaType }) => ({
      mediaType,
      sha256: sha256Of(bytes),
      onDisk: bytes instanceof SpooledBytes,
    }));
    await Promise.all(reply.images.map(({ bytes }) => releaseBytes(bytes)));
    return { images: told, missing: reply.missing.map(({ index, error }) => ({ index, detail: error.facts.detail })) };
  } finally {
    await http.close();
  }
}

const drawn = (bytes: Buffer) => ({ mediaType: "image/png", sha256: hash("sha256", bytes), onDisk: true });

describe("an image in an odd reply is delivered as it was drawn", () => {
  test.each(oddReplies)("%s", async (_, body, headers) => {
    send = json(body, headers);
    expect((await draw()).images).toEqual([drawn(png)]);
  });

  test("by a link", async () => {
    send = (response) =>
      response.req.method === "GET"
        ? response.writeHead(200, { "content-type": "image/png" }).end(png)
        : json(`{"data":[{"url":"${origin}/a.png"}]}`)(response);
    expect((await draw()).images).toEqual([drawn(png)]);
  });

  test("ten of them, one after the other", async () => {
    const entry = `{"b64_json":"${base64}"}`;
    send = json(`{"data":[${Array<string>(10).fill(entry).join(",")}]}`);
    expect((await draw(10)).images).toEqual(Array(10).fill(drawn(png)));
  });
});

describe("an upstream that misbehaves in mid-stream", () => {
  const perhapsPaid = { retryable: false, mayHaveCharged: true };

  test.each(midStreamFaults)("%s: fails with a type, frees its place and holds little", async (...fault) => {
    const [, misbehave, { code, detail }, env] = fault;
    send = misbehave;
    const before = memoryAtRest();
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, memoryAtRest() - before)), 20);
    const error = await failureOf(draw(1, env)).finally(() => clearInterval(watch));
    expect(error.facts).toMatchObject({ ...perhapsPaid, code });
    expect(error.facts.detail ?? "").toMatch(detail ?? /^/);
    // An image of 64 MB is on disk. Its whole reply would be 256 MB and more.
    expect(peak).toBeLessThan(130 * MiB);
  });

  test("one bad image among good ones costs the others nothing", async () => {
    const cut = png.subarray(0, MiB).toString("base64");
    send = json(`{"data":[{"b64_json":"${base64}"},{"b64_json":"${cut}"},{"b64_json":"${other.toString("base64")}"}]}`);
    const { images: delivered, missing } = await draw(3);
    expect(delivered).toEqual([drawn(png), drawn(other)]);
    expect(missing).toMatchObject([{ index: 1 }]);
  });

  test("a stream that is cut delivers the images that came whole", async () => {
    send = async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      await write(response, `data: {"type":"image_generation.completed","b64_json":"${base64}"}\n\n`);
      await write(response, `data: {"type":"image_generation.completed","b64_json":"${base64.slice(0, MiB)}`);
      response.socket?.end();
    };
    const { images: delivered, missing } = await draw(2);
    expect(delivered).toEqual([drawn(png)]);
    expect(missing).toMatchObject([{ index: 1 }]);
  });

  test("a version of each of 200 steps, which no request asked for, costs neither the image nor room for long", async () => {
    const step = randomBytes(200_000).toString("base64");
    const small = createSpool({ maxBytes: 4 * MiB });
    send = async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let i = 0; i < 200; i++) {
        const event = i % 2 === 0 ? { type: "image_generation.partial_image", b64_json: step } : { preview: step };
        await write(response, `data: ${JSON.stringify(event)}\n\n`);
      }
      response.end(`data: {"type":"image_generation.completed","b64_json":"${base64}"}\n\n`);
    };
    expect((await draw(1, {}, undefined, small)).images).toEqual([drawn(png)]);
    expect(small.usedBytes()).toBe(0);
  });

  test("a spool that is full stops the upstream's socket, and the reply goes on when there is room", async () => {
    const full = createSpool({ maxBytes: 4 * MiB });
    const guest = full.newGuest({ signal: new AbortController().signal, clock: { stop: () => {}, start: () => {} } });
    const writer = full.newWriter(guest);
    await writer.write(randomBytes(3 * MiB));
    const occupied = await writer.finish();
    let isSent = false;
    const body = `{"data":[{"b64_json":"${base64}"}],"rest":"${" ".repeat(8 * MiB)}"}`;
    send = (response) => void response.end(body, () => (isSent = true));
    const call = draw(1, { PROVIDER_TOTAL_TIMEOUT_MS: "5000" }, undefined, full);
    // The next piece finds no room.
    await expect.poll(() => full.usedBytes()).toBeGreaterThan(4 * MiB - 256 * 1024);
    expect(isSent).toBe(false);
    await releaseBytes(occupied);
    expect((await call).images).toEqual([drawn(png)]);
    expect(isSent).toBe(true);
    expect(full.usedBytes()).toBe(0);
  });

  test("a download that is complete when its call is canceled leaves no file open", async () => {
    const controller = new AbortController();
    const reason = new Error("canceled by its owner");
    const canceling: typeof spool = {
      ...spool,
      newWriter(...args) {
        const writer = spool.newWriter(...args);
        return {
          ...writer,
          finish: () => writer.finish().finally(() => controller.abort(reason)),
        };
      },
    };
    send = (response) =>
      response.req.method === "GET"
        ? response.writeHead(200, { "content-type": "image/png" }).end(png)
        : json(`{"data":[{"url":"${origin}/a.png"}]}`)(response);
    await expect(draw(1, {}, controller.signal, canceling)).rejects.toBe(reason);
    expect(spool.usedBytes()).toBe(0);
  });

  test("a call that is canceled within the base64 hangs up, and throws the reason", async () => {
    const controller = new AbortController();
    const reason = new Error("canceled by its owner");
    send = async (response) => {
      await write(response, `${beginning}${base64.slice(0, MiB)}`);
      controller.abort(reason);
    };
    await expect(draw(1, {}, controller.signal)).rejects.toBe(reason);
    await expect.poll(() => hangUps).toBe(1);
  });
});

/** What the process holds, without what the collector has not looked at yet. */
function memoryAtRest(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

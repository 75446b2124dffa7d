import { request as httpRequest, type IncomingMessage } from "node:http";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { apiKey, drawing, links, startApi, type TestApi } from "../api.fixture.ts";

const imageBytes = 5_000_000;

/** Ten images in a folder, and how much of them the service has read. */
async function startWithTenImages() {
  const directory = await temporaryFolder();
  let readBytes = 0;
  const api = await startApi({
    storage: { storage: "filesystem", directory, links },
    objects: (store) => ({
      ...store,
      get: async (key) => {
        const object = await store.get(key);
        object.body.on("data", (chunk: Buffer) => (readBytes += chunk.length)).pause();
        return object;
      },
    }),
  });
  await api.work(drawing(api.store, Buffer.alloc(imageBytes, 7)));
  return { api, readBytes: () => readBytes };
}

/** Sends the request and returns the answer when its head is there, unread. */
async function openAnswer({ baseUrl }: TestApi, n: number): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const call = httpRequest(`${baseUrl}/v1/images/generations`, { method: "POST", headers, agent: false });
  call.end(JSON.stringify({ prompt: "a cat", model: "gpt-image-1", n, response_format: "b64_json" }));
  return new Promise((resolve, reject) => call.once("response", resolve).once("error", reject));
}

test("a caller who does not read makes us read no further", async () => {
  const { api, readBytes } = await startWithTenImages();
  const answer = await openAnswer(api, 10);
  // The sockets' buffers fill, and then nothing moves any more.
  let before = -1;
  await expect
    .poll(
      () => {
        const moved = readBytes() - before;
        before = readBytes();
        return moved;
      },
      { interval: 200, timeout: 10_000 },
    )
    .toBe(0);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(2 * imageBytes);
  answer.destroy();
});

test("ten images of 5 MB pass through without being held in memory", async () => {
  const { api } = await startWithTenImages();
  const peakOf = async (n: number) => {
    let received = 0;
    let peak = 0;
    for await (const chunk of (await openAnswer(api, n)) as AsyncIterable<Buffer>) {
      received += chunk.length;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(received).toBeGreaterThan((n * imageBytes * 4) / 3);
    return peak;
  };
  // One image at a time brings the process to its working size. Held in memory, ten would add 67 MB as text alone.
  const single = [await peakOf(1), await peakOf(1), await peakOf(1)];
  const tenfold = await peakOf(10);
  expect(tenfold - Math.max(...single)).toBeLessThan(40_000_000);
});

import { request as httpRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { apiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { delivering } from "../../worker.fixture.ts";

const imageBytes = 5_000_000;

const chunk = Buffer.alloc(64 * 1_024, 7);

/** A store whose images are made as they are read, and how much of them the service has read. */
async function startWithImages() {
  let readBytes = 0;
  async function* image() {
    for (let left = imageBytes; left > 0; left -= chunk.length) {
      readBytes += chunk.length;
      yield chunk;
    }
  }
  const facts = { size: imageBytes, contentType: "image/png" };
  const head = async () => facts;
  const get = async () => ({ ...facts, body: Readable.from(image()) });
  const api = await startApi({ objects: (store) => ({ ...store, head, get }) });
  await api.work(delivering(async () => {}, imageBytes));
  return { api, readBytes: () => readBytes };
}

/** Sends the request and returns the answer when its head is there, unread. */
async function openAnswer({ baseUrl }: TestApi): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const call = httpRequest(`${baseUrl}/v1/images/generations`, { method: "POST", headers, agent: false });
  call.end(JSON.stringify({ prompt: "a cat", model: "gpt-image-1", n: 10, response_format: "b64_json" }));
  return new Promise((resolve, reject) => call.once("response", resolve).once("error", reject));
}

test("a caller who does not read makes us read no further", async () => {
  const { api, readBytes } = await startWithImages();
  const answer = await openAnswer(api);
  await expect.poll(readBytes).toBeGreaterThan(0);
  // The sockets' buffers fill, and then nothing moves any more.
  let before = -1;
  await expect
    .poll(
      () => {
        const moved = readBytes() - before;
        before = readBytes();
        return moved;
      },
      { interval: 200 },
    )
    .toBe(0);
  expect(before).toBeLessThan(2 * imageBytes);
  answer.destroy();
});

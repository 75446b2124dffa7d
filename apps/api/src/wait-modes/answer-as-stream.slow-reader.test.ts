import { request as httpRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { apiKey, startApi } from "../api.fixture.ts";
import { delivering } from "../worker.fixture.ts";

const imageBytes = 5_000_000;
const chunk = Buffer.alloc(64 * 1_024, 7);

test("a reader who does not read makes us read no further, and leaves nothing open", async () => {
  let readBytes = 0;
  let open = 0;
  async function* image() {
    for (let left = imageBytes; left > 0; left -= chunk.length) {
      readBytes += chunk.length;
      yield chunk;
    }
  }
  const get = async () => {
    open++;
    const body = Readable.from(image()).once("close", () => open--);
    return { size: imageBytes, contentType: "image/png", body };
  };
  const api = await startApi({ objects: (store) => ({ ...store, get }) });
  await api.work(delivering(async () => {}, imageBytes));

  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const call = httpRequest(`${api.baseUrl}/v1/images/generations`, { method: "POST", headers, agent: false });
  call.end(JSON.stringify({ prompt: "a cat", model: "gpt-image-1", n: 10, stream: true }));
  const answer = await new Promise<IncomingMessage>((resolve, reject) =>
    call.once("response", resolve).once("error", reject),
  );
  await expect.poll(() => readBytes).toBeGreaterThan(0);
  // The sockets' buffers fill, and then nothing moves any more.
  let before = -1;
  await expect
    .poll(
      () => {
        const moved = readBytes - before;
        before = readBytes;
        return moved;
      },
      { interval: 200 },
    )
    .toBe(0);
  expect(before).toBeLessThan(2 * imageBytes);
  answer.destroy();
  await expect.poll(() => open).toBe(0);
});

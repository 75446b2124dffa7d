import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type { ObjectStore } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { startApi } from "../api.fixture.ts";
import { inlineRequest } from "../generation.fixture.ts";
import { drawing } from "../worker.fixture.ts";

const picture = randomBytes(1_000_000);
const piece = 64 * 1024;

/** A store that sends at most half a picture in each read, and so often that no picture can be read to its end; or once. */
function breaking(store: ObjectStore, times: number): ObjectStore {
  let left = times;
  return {
    ...store,
    async get(key, { from = 0 } = {}) {
      const { body: whole, ...facts } = await store.get(key);
      whole.destroy();
      const isBroken = left-- > 0;
      async function* body() {
        for (let at = from; at < picture.length; at += piece) {
          if (isBroken && at - from >= 5 * piece) throw new Error("the store broke off");
          yield picture.subarray(at, at + piece);
        }
      }
      return { ...facts, body: Readable.from(body(), { objectMode: false }) };
    },
  };
}

/** A service whose store breaks off so many reads, and the ways to have two pictures from it as base64. */
async function serviceOf(times: number) {
  const api = await startApi({ objects: (store) => breaking(store, times) });
  await api.work(drawing(api.store, picture));
  const asked = { ...inlineRequest, n: 2 };
  const ways: Record<string, () => Promise<Response>> = {
    "an answer": () => api.generate(asked),
    "an answer that is kept alive": () => api.generate(asked, { headers: { prefer: "keep-alive" } }),
    "a stream of events": () => api.generate({ ...asked, stream: true }),
    "a read by id": async () => {
      const answer = await api.generate({ ...asked, response_format: "url" });
      await answer.arrayBuffer();
      return api.call(`/v1/generations/${answer.headers.get("x-generation-id")}?response_format=b64_json`);
    },
  };
  return ways;
}

const ways = ["an answer", "an answer that is kept alive", "a stream of events", "a read by id"];

/** All the base64 of an answer in whichever form. */
const picturesIn = (body: string) => [...body.matchAll(/"b64_json":"([^"]*)"/g)].map(([, base64]) => base64);

describe("a store that breaks off for good is seen in", () => {
  test.each(ways)("%s, which breaks off and gives no shorter picture", async (way) => {
    const open = (await serviceOf(1_000))[way];
    const answer = await open?.();
    const body: unknown = await answer?.text().catch((error: unknown) => error);
    if (typeof body === "string") throw new Error(`It was answered: ${body.slice(-200)}`);
    expect(body).toBeInstanceOf(Error);
  });
});

describe("a store that breaks off once is not seen in", () => {
  test.each(ways)("%s", async (way) => {
    const open = (await serviceOf(1))[way];
    const body = (await (await open?.())?.text()) ?? "";
    expect(picturesIn(body)).toEqual([picture.toString("base64"), picture.toString("base64")]);
  });
});

import type { ObjectStore, OpenObject } from "@darkroom/storage";
import { temporaryFolder, usedHeapBytes } from "@darkroom/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { links, startApi, type TestApi } from "./api.fixture.ts";
import { generationIn, request } from "./generation.fixture.ts";
import { drawing } from "./worker.fixture.ts";

const times = 1_000;
const atATime = 50;

/** Calls something a thousand times, fifty at a time. */
async function again(call: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < times; done += atATime) await Promise.all(Array.from({ length: atATime }, call));
}

/** Counts what is opened and not closed: looks out for a shutdown, waits, watches. */
function countOpen({ drain, queue }: TestApi) {
  let open = 0;
  let opened = 0;
  const counted = <T>(close: () => T): (() => T) => {
    open++;
    opened++;
    let closed = false;
    return () => {
      if (!closed) open--;
      closed = true;
      return close();
    };
  };
  const onDismiss = drain.onDismiss.bind(drain);
  vi.spyOn(drain, "onDismiss").mockImplementation((tell) => counted(onDismiss(tell)));
  const wait = queue.waits.wait.bind(queue.waits);
  const watch = queue.waits.watch.bind(queue.waits);
  vi.spyOn(queue.waits, "wait").mockImplementation((id) => {
    const begun = wait(id);
    return { ...begun, leave: counted(begun.leave) };
  });
  vi.spyOn(queue.waits, "watch").mockImplementation((id, onChange) => counted(watch(id, onChange)));
  return { open: () => open, opened: () => opened };
}

const refuse = async () => {
  throw new Error("Redis refuses");
};

let api: TestApi;
let id: string;
beforeEach(async () => {
  api = await startApi();
  const asked = await api.generate(request, { headers: { prefer: "respond-async" } });
  id = (await generationIn(asked)).id;
});

const read =
  (path: string, headers: Record<string, string> = {}) =>
  async () => {
    const answer = await api.call(path, { headers });
    await answer.text();
    return answer.status;
  };

const longPoll = () => read(`/v1/generations/${id}`, { prefer: "wait=60" })();

describe("a thousand calls that are refused half-way leave nothing open", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["long polls whose watch is refused", longPoll],
    ["streams of events whose watch is refused", () => read(`/v1/generations/${id}/events`)()],
    ["submissions", async () => (await api.generate(request)).text()],
    [
      "submissions whose line would be kept alive",
      async () => (await api.generate(request, { headers: { prefer: "keep-alive" } })).text(),
    ],
    ["submissions that would be streamed", async () => (await api.post({ ...request, stream: true })).text()],
    [
      "submissions that would be waited for",
      async () => (await api.generate(request, { headers: { prefer: "respond-async, wait=60" } })).text(),
    ],
  ])("%s", async (_, call) => {
    const counts = countOpen(api);
    vi.spyOn(api.queue.generations, "watch").mockImplementation(refuse);
    vi.spyOn(api.queue.generations, "submit").mockImplementation(refuse);
    await again(call);
    expect(counts.opened()).toBeGreaterThanOrEqual(times);
    await expect.poll(counts.open).toBe(0);
    await expect.poll(() => api.disconnects.size).toBe(0);
  });

  test("uploads that the store refuses", async () => {
    const put = vi.spyOn(api.store, "put").mockImplementation(refuse);
    await again(async () => {
      const form = new FormData();
      form.set("purpose", "batch");
      form.set("file", new Blob(["{}"]), "prompts.jsonl");
      await (await api.call("/v1/files", { method: "POST", body: form })).text();
    });
    put.mockRestore();
    const form = new FormData();
    form.set("purpose", "batch");
    form.set("file", new Blob(["{}"]), "prompts.jsonl");
    // There are 32 places for uploads: a single one that was not given back at a time would have taken them all.
    expect((await api.call("/v1/files", { method: "POST", body: form })).status).toBe(200);
  });
});

describe("a thousand readers who hang up leave no image open", () => {
  test.each(["base64", "link"])("%s", async (way) => {
    const directory = await temporaryFolder();
    let open = 0;
    let opened = 0;
    const counted = ({ body }: OpenObject): void => {
      open++;
      opened++;
      body.once("close", () => open--);
    };
    const countOpened = (store: ObjectStore): ObjectStore => ({
      ...store,
      get: async (key) => {
        const object = await store.get(key);
        counted(object);
        return object;
      },
      openLink: async (link) => {
        const answer = (await store.openLink?.(link)) ?? { status: "missing" };
        if (answer.status === "ok") counted(answer.object);
        return answer;
      },
    });
    const files = await startApi({ storage: { storage: "filesystem", directory, links }, objects: countOpened });
    await files.work(drawing(files.store, Buffer.alloc(8_000_000)));
    const answer = await files.generate(request);
    const { pathname, search } = new URL((await answer.json()).data[0].url);
    const ofId = `/v1/generations/${answer.headers.get("x-generation-id")}?response_format=b64_json`;
    await again(async () => {
      const call = new AbortController();
      const image = await files.call(way === "link" ? `${pathname}${search}` : ofId, { signal: call.signal });
      await image.body?.getReader().read();
      call.abort();
    });
    expect(opened).toBe(times);
    await expect.poll(() => open).toBe(0);
  });
});

describe("a thousand callers who hang up leave nothing open", () => {
  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ["long polls", (signal) => api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=60" }, signal })],
    ["streams of events", (signal) => api.call(`/v1/generations/${id}/events`, { signal })],
    ["submissions", (signal) => api.generate(request, { signal })],
    ["streamed submissions", (signal) => api.post({ ...request, stream: true }, { signal })],
  ])("%s", async (_, send) => {
    const counts = countOpen(api);
    await again(async () => {
      const call = new AbortController();
      const opened = counts.opened();
      const answer = send(call.signal).catch(() => null);
      await expect.poll(counts.opened).toBeGreaterThan(opened);
      call.abort();
      await answer;
    });
    await expect.poll(counts.open).toBe(0);
    await expect.poll(() => api.disconnects.size).toBe(0);
    expect(await api.watchersOf(id)).toBe("");
  });
});

test("two thousand refused long polls leave no heap behind", async () => {
  vi.spyOn(api.queue.generations, "watch").mockImplementation(refuse);
  await again(longPoll);
  const before = await usedHeapBytes();
  await again(longPoll);
  await again(longPoll);
  // Each of them kept 7.5 kB when its wait was never released.
  expect(((await usedHeapBytes()) - before) / (2 * times)).toBeLessThan(1_000);
});

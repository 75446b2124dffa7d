import { generationSchema } from "@darkroom/contracts";
import { startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const submit = async (api: TestApi) =>
  (await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }))).id;

type Follow = { lastEventId?: string; signal?: AbortSignal };

/** Opens the events of a generation, and reads them block by block: events, and comments as they stand. */
async function follow(api: TestApi, id: string, { lastEventId, signal }: Follow = {}) {
  const answer = await api.call(`/v1/generations/${id}/events`, {
    headers: { ...(lastEventId !== undefined && { "last-event-id": lastEventId }) },
    ...(signal !== undefined && { signal }),
  });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  /** The next block, or null at the end. */
  async function nextBlock(): Promise<string | null> {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end !== -1) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        return block;
      }
      const { done = true, value = "" } = (await reader?.read()) ?? {};
      if (done) return null;
      text += value;
    }
  }
  async function next() {
    for (;;) {
      const block = await nextBlock();
      if (block === null) return null;
      if (block.startsWith(":")) continue;
      const [, event, eventId, data = ""] = /^event: (.+)\nid: (.+)\ndata: (.+)$/.exec(block) ?? [];
      return { event, id: eventId, data: generationSchema.strict().parse(JSON.parse(data)) };
    }
  }
  return { answer, next, nextBlock };
}

describe("200", () => {
  test("the state now, every change, and the end after the ending", async () => {
    const api = await startApi();
    const id = await submit(api);
    const { answer, next } = await follow(api, id);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-generation-id": id,
    });
    expect(await next()).toMatchObject({ event: "generation.queued", id: "1", data: { status: "queued" } });
    const held = heldWork(api);
    await api.work(held.work);
    expect(await next()).toMatchObject({ event: "generation.running", id: "2", data: { attempts: 1 } });
    held.end();
    const last = await next();
    expect(last).toMatchObject({ event: "generation.succeeded", id: "3" });
    expect(last?.data.response?.data[0]).toMatchObject({ b64_json: null, url: expect.any(String) });
    expect(await next()).toBeNull();
  });

  test("who comes back is told only what is newer", async () => {
    const api = await startApi();
    const id = await submit(api);
    const { nextBlock, next } = await follow(api, id, { lastEventId: "1" });
    expect(await nextBlock(), "the head is out before there is anything to tell").toBe(":");
    await api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
    expect(await next()).toMatchObject({ event: "generation.canceled", id: "2" });
    expect(await next()).toBeNull();
  });

  test("who comes back late is told the ending", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const id = await submit(api);
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    const { next } = await follow(api, id, { lastEventId: "1" });
    expect(await next()).toMatchObject({ event: "generation.succeeded", id: "3" });
    expect(await next()).toBeNull();
  });

  test.each(["0", "-1", "abc", "1e3", "", "99999999999"])("Last-Event-ID %j is as none", async (lastEventId) => {
    const api = await startApi();
    const id = await submit(api);
    const call = new AbortController();
    const { next } = await follow(api, id, { lastEventId, signal: call.signal });
    expect(await next()).toMatchObject({ event: "generation.queued" });
    call.abort();
  });

  test("a heartbeat keeps the line alive within five seconds of silence", async () => {
    const api = await startApi();
    const id = await submit(api);
    const call = new AbortController();
    const { nextBlock, next } = await follow(api, id, { signal: call.signal });
    await next();
    const sinceMs = startStopwatch();
    expect(await nextBlock()).toBe(":");
    expect(sinceMs()).toBeLessThan(4_500);
    call.abort();
  });

  test("two who follow hear the same, and the one who leaves takes nothing from the other", async () => {
    const api = await startApi();
    const id = await submit(api);
    const leaving = new AbortController();
    const [first, second] = [await follow(api, id, { signal: leaving.signal }), await follow(api, id)];
    await Promise.all([first.next(), second.next()]);
    leaving.abort();
    await api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
    expect(await second.next()).toMatchObject({ event: "generation.canceled" });
  });
});

test("who leaves leaves nothing behind", async () => {
  const api = await startApi();
  const id = await submit(api);
  const call = new AbortController();
  const { next } = await follow(api, id, { signal: call.signal });
  await next();
  expect(await api.watchersOf(id)).not.toBe("");
  call.abort();
  await expect.poll(() => api.watchersOf(id)).toBe("");
  expect((await api.queue.generations.read(id))?.status).toBe("queued");
});

test("204 for who has seen the ending: there is nothing to come back for", async () => {
  const api = await startApi();
  const id = await submit(api);
  await api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
  const { answer } = await follow(api, id, { lastEventId: "2" });
  expect(answer.status).toBe(204);
});

test("the stream ends when the process stops, to be taken up elsewhere", async () => {
  const api = await startApi();
  const { next } = await follow(api, await submit(api));
  await next();
  api.drain.dismiss();
  expect(await next()).toBeNull();
});

import { type ImageRequest, sumOfUsages, type Usage } from "@darkroom/contracts";
import type { Attempt, Work } from "@darkroom/generations";
import { startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { startApi, type StartApiOptions, type TestApi } from "../api.fixture.ts";
import { heartbeatEveryMs } from "../http/event-stream.ts";
import { type Message, readEvents, readMessages } from "./read-events.fixture.ts";
import { delivering, drawing } from "../worker.fixture.ts";

const picture = Buffer.from("a picture, or as good as one");
const request: ImageRequest = { prompt: "a cat", model: "gpt-image-1", stream: true };
const usage: Usage = {
  prompt_tokens: 9,
  input_tokens: 9,
  output_tokens: 101,
  total_tokens: 110,
  input_tokens_details: { text_tokens: 9, image_tokens: 0 },
};

/** Stores and shows a partial image as a worker does. */
async function sketch(api: TestApi, { record, showPartial }: Attempt, partialIndex: number, index = 0): Promise<void> {
  const key = `acme/${record.id}/${record.attempts}-partial-${index}-${partialIndex}.png`;
  await api.store.put(key, Buffer.from(`sketch ${index} ${partialIndex}`), { contentType: "image/png" });
  await showPartial({ index, partialIndex, key, mediaType: "image/png", width: 512, height: 512 });
}

/** A gate for work: what it waits for, and the way to let it go on. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");
const nextEvent = async (messages: AsyncGenerator<Message>) => {
  for (;;) {
    const { value, done } = await messages.next();
    if (done === true) throw new Error("The stream is over");
    if ("event" in value) return value;
  }
};

async function startWith(work: (api: TestApi) => Work, options?: StartApiOptions) {
  const api = await startApi(options);
  await api.work(work(api));
  return api;
}

describe("200", () => {
  test("begins before there is anything to tell, in a way that no proxy holds back or keeps", async () => {
    const mayEnd = gate();
    const api = await startWith(({ store }) => async (attempt) => {
      await mayEnd.passed;
      return drawing(store, picture)(attempt);
    });
    const answer = await api.generate(request);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-generation-id": expect.stringMatching(/^gen_/),
      "x-request-id": expect.stringMatching(/^req_/),
    });
    mayEnd.open();
    expect(await readEvents(answer)).toHaveLength(1);
  });

  test("says what an event is before its picture", async () => {
    const api = await startWith(({ store }) => drawing(store, picture));
    const [event] = await readEvents(await api.generate(request));
    expect(Object.keys(event?.data ?? {}).slice(0, 2)).toEqual(["type", "b64_json"]);
  });

  test("shows partial images as they come, and then the finished one, as OpenAI does", async () => {
    const mayGoOn = [gate(), gate()];
    const api = await startWith((started) => async (attempt) => {
      await sketch(started, attempt, 0);
      await mayGoOn[0]?.passed;
      await sketch(started, attempt, 1);
      await mayGoOn[1]?.passed;
      return drawing(started.store, picture, { quality: "high", background: "opaque", usage })(attempt);
    });
    const messages = readMessages(await api.generate({ ...request, partial_images: 2 }));
    const created_at = expect.any(Number);
    for (const [partialIndex, { open }] of mayGoOn.entries()) {
      expect(await nextEvent(messages)).toEqual({
        event: "image_generation.partial_image",
        data: {
          type: "image_generation.partial_image",
          b64_json: base64(`sketch 0 ${partialIndex}`),
          partial_image_index: partialIndex,
          created_at,
          size: "512x512",
          quality: "auto",
          background: "auto",
          output_format: "png",
        },
      });
      open();
    }
    expect(await nextEvent(messages)).toEqual({
      event: "image_generation.completed",
      data: {
        type: "image_generation.completed",
        b64_json: base64(picture),
        url: expect.stringContaining("/images/acme/gen_"),
        created_at,
        size: "1024x1024",
        quality: "high",
        background: "opaque",
        output_format: "png",
        usage,
      },
    });
    expect((await messages.next()).done).toBe(true);
    expect(api.queue.waits.size).toBe(0);
  });

  test("has one completed event for each image, whose usage adds up to the generation's", async () => {
    const api = await startWith(({ store }) => drawing(store, picture, { usage }));
    const events = await readEvents(await api.generate({ ...request, n: 3 }));
    expect(events.map(({ event }) => event)).toEqual(Array(3).fill("image_generation.completed"));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema of the event has been checked
    const bills = events.map(({ data }) => data["usage"] as Usage);
    expect(sumOfUsages(bills)).toEqual(usage);
  });

  test.each([
    ["dall-e-2", "1024x1024"],
    ["dall-e-3", "1024x1024"],
    ["doubao-seedream-3-0-t2i", "1024x1024"],
  ])("is there for %s, whose provider does not stream, with all that OpenAI's event has", async (model, size) => {
    const api = await startApi();
    for (const provider of ["openai", "volcengine"]) await api.work(drawing(api.store, picture), provider);
    const events = await readEvents(await api.generate({ prompt: "a cat", model, size, stream: true }));
    expect(events.map(({ data }) => data)).toEqual([
      {
        type: "image_generation.completed",
        b64_json: base64(picture),
        url: expect.stringContaining("/images/acme/gen_"),
        created_at: expect.any(Number),
        size: "1024x1024",
        quality: "auto",
        background: "auto",
        output_format: "png",
        usage: {
          prompt_tokens: 0,
          input_tokens: 0,
          output_tokens: 0,
          total_tokens: 0,
          input_tokens_details: { text_tokens: 0, image_tokens: 0 },
        },
      },
    ]);
  });

  test("says whom the upstream holds responsible", async () => {
    const api = await startWith(({ store }) => drawing(store, picture));
    const [event] = await readEvents(await api.generate({ ...request, safety_identifier: "s-1", user: "u-1" }));
    expect(event?.data).toMatchObject({ safety_identifier: "s-1" });
  });

  test("names links where the caller asked for links", async () => {
    const api = await startWith((started) => async (attempt) => {
      await sketch(started, attempt, 0);
      return drawing(started.store, picture)(attempt);
    });
    const events = await readEvents(await api.generate({ ...request, partial_images: 1, response_format: "url" }));
    const fetched = await Promise.all(
      events.map(async ({ data }) => {
        expect(data).not.toHaveProperty("b64_json");
        return (await api.follow(String(data["url"]))).text();
      }),
    );
    expect(fetched).toEqual(["sketch 0 0", picture.toString()]);
  });

  test("leaves out a partial image that is not in the store any more", async () => {
    const api = await startWith((started) => async (attempt) => {
      await sketch(started, attempt, 0);
      await started.store.delete([`acme/${attempt.record.id}/1-partial-0-0.png`]);
      return drawing(started.store, picture)(attempt);
    });
    const events = await readEvents(await api.generate({ ...request, partial_images: 1 }));
    expect(events.map(({ event }) => event)).toEqual(["image_generation.completed"]);
  });

  test("shows a partial image once that two attempts have drawn", async () => {
    const api = await startWith((started) => async (attempt) => {
      await sketch(started, attempt, 0);
      const second = { ...attempt, record: { ...attempt.record, attempts: 2 } };
      for (const partialIndex of [0, 1]) await sketch(started, second, partialIndex);
      return drawing(started.store, picture)(attempt);
    });
    const events = await readEvents(await api.generate({ ...request, partial_images: 2 }));
    expect(events.map(({ data }) => data["partial_image_index"])).toEqual([0, 1, undefined]);
  });

  test("keeps the line alive with comments, and nothing but comments, while nothing happens", async () => {
    const mayEnd = gate();
    const api = await startWith(
      ({ store }) =>
        async (attempt) => {
          await mayEnd.passed;
          return drawing(store, picture)(attempt);
        },
      { syncTimeoutMs: 60_000 },
    );
    const messages = readMessages(await api.generate(request));
    // The first came with the head.
    await messages.next();
    let sinceMs = startStopwatch();
    for (let beat = 0; beat < 3; beat++) {
      expect((await messages.next()).value).toHaveProperty("comment");
      expect(sinceMs()).toBeLessThan(heartbeatEveryMs + 1_000);
      sinceMs = startStopwatch();
    }
    mayEnd.open();
    expect(await nextEvent(messages)).toHaveProperty("event", "image_generation.completed");
  });

  test("a second caller with the same key is told what has happened so far, and then the rest", async () => {
    const mayEnd = gate();
    let runs = 0;
    const api = await startWith((started) => async (attempt) => {
      runs++;
      await sketch(started, attempt, 0);
      await mayEnd.passed;
      await sketch(started, attempt, 1);
      return drawing(started.store, picture)(attempt);
    });
    const headers = { "idempotency-key": "one-request" };
    const ask = () => api.generate({ ...request, partial_images: 2 }, { headers });
    const first = readMessages(await ask());
    await nextEvent(first);
    const second = await ask();
    mayEnd.open();
    const rest = [await nextEvent(first), await nextEvent(first)];
    const all = await readEvents(second);
    expect(all.map(({ data }) => data["partial_image_index"])).toEqual([0, 1, undefined]);
    expect(all.at(-1)).toEqual(rest[1]);
    // And again when all is over.
    expect((await readEvents(await ask())).map(({ data }) => data["b64_json"])).toEqual(
      all.map(({ data }) => data["b64_json"]),
    );
    expect(runs).toBe(1);
  });

  test("goes on when Redis comes back", async () => {
    const mayEnd = gate();
    const begun = gate();
    const api = await startWith(
      ({ store }) =>
        async (attempt) => {
          begun.open();
          await mayEnd.passed;
          return drawing(store, picture)(attempt);
        },
      { behindProxy: true },
    );
    const answer = await api.generate(request);
    await begun.passed;
    api.redisLine.cut();
    mayEnd.open();
    await expect.poll(() => api.endings()).toBe(1);
    api.redisLine.restore();
    expect(await readEvents(answer)).toHaveLength(1);
  });

  test("is what a stream is answered with, whatever else its caller prefers", async () => {
    const api = await startWith(({ store }) => drawing(store, picture));
    const answer = await api.generate(request, { headers: { prefer: "respond-async" } });
    expect(answer.status).toBe(200);
    expect(await readEvents(answer)).toHaveLength(1);
  });
});

describe("an error before the generation is accepted is an ordinary answer", () => {
  test.each([
    [{ ...request, n: 11 }, 400, "n"],
    [{ ...request, model: "dall-e-2", partial_images: 1 }, 400, "partial_images"],
    [{ ...request, partial_images: 4 }, 400, "partial_images"],
  ])("%j", async (body, status, param) => {
    const answer = await (await startApi()).post(body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });

  test("503 while Redis is away", async () => {
    const api = await startApi({ behindProxy: true });
    api.redisLine.cut();
    const answer = await api.generate(request);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([503, "application/json; charset=utf-8"]);
  });
});

describe("an error after that is an event, and the last one", () => {
  const errorOf = (events: Awaited<ReturnType<typeof readEvents>>) => {
    const last = events.at(-1);
    expect(last?.event).toBe("error");
    return last?.data["error"];
  };

  test("a failed generation, after what came before it", async () => {
    const api = await startWith((started) => async (attempt) => {
      await sketch(started, attempt, 0);
      return { kind: "failed", error: { code: "moderation_blocked", message: "Not this one." } };
    });
    const events = await readEvents(await api.generate({ ...request, partial_images: 1 }));
    expect(events).toHaveLength(2);
    expect(errorOf(events)).toEqual({
      message: "Not this one.",
      type: "invalid_request_error",
      param: null,
      code: "moderation_blocked",
    });
  });

  test("a generation that takes too long, which goes on", async () => {
    const mayEnd = gate();
    const work = () => async (): Promise<{ kind: "failed"; error: { code: "upstream_error"; message: string } }> => {
      await mayEnd.passed;
      return { kind: "failed", error: { code: "upstream_error", message: "It ran to its end." } };
    };
    const api = await startWith(work, { syncTimeoutMs: 300 });
    const answer = await api.generate(request);
    expect(errorOf(await readEvents(answer))).toMatchObject({ code: "timeout_error" });
    mayEnd.open();
    const id = answer.headers.get("x-generation-id") ?? "";
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("failed");
  });

  test("a server that shuts down, which cancels a queued generation", async () => {
    const api = await startApi();
    const answer = await api.generate(request);
    await api.closes.closeAll();
    expect(errorOf(await readEvents(answer))).toMatchObject({
      code: "overloaded",
      message: "This server is shutting down, and the request was not begun. Send it again.",
    });
  });

  test("an image that is gone from the store", async () => {
    const api = await startWith(() => delivering(async () => {}, 10));
    expect(errorOf(await readEvents(await api.generate(request)))).toMatchObject({ code: "images_gone" });
  });

  test("a record that Redis has lost", async () => {
    const api = await startApi();
    const answer = await api.generate(request);
    await api.loseRecords();
    expect(errorOf(await readEvents(answer))).toMatchObject({ code: "overloaded" });
  });
});

describe("a reader who leaves", () => {
  async function openAndLeave(api: TestApi) {
    const call = new AbortController();
    const answer = await api.generate(request, { signal: call.signal });
    return { id: answer.headers.get("x-generation-id") ?? "", leave: () => call.abort() };
  }

  test("cancels a queued generation", async () => {
    const api = await startApi();
    const { id, leave } = await openAndLeave(api);
    leave();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("canceled");
    expect(api.queue.waits.size).toBe(0);
  });

  test("does not cancel what another one waits for", async () => {
    const api = await startApi();
    const headers = { "idempotency-key": "one-request" };
    const call = new AbortController();
    await api.generate(request, { headers, signal: call.signal });
    const other = await api.generate(request, { headers });
    call.abort();
    await api.work(drawing(api.store, picture));
    expect(await readEvents(other)).toHaveLength(1);
  });

  test("finds what was running by its id", async () => {
    const begun = gate();
    const mayEnd = gate();
    const api = await startWith(({ store }) => async (attempt) => {
      begun.open();
      await mayEnd.passed;
      return drawing(store, picture)(attempt);
    });
    const { id, leave } = await openAndLeave(api);
    await begun.passed;
    leave();
    await expect.poll(() => api.queue.waits.size).toBe(0);
    mayEnd.open();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    const answer = await api.call(`/v1/generations/${id}`);
    expect(await answer.json()).toMatchObject({ id, response: { data: [{ url: expect.any(String) }] } });
  });
});

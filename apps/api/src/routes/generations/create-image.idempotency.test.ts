import { describe, expect, test } from "vitest";
import { OpenAI } from "openai";
import { apiKey, otherApiKey, startApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, inlineRequest, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const key = (value: string) => ({ headers: { "idempotency-key": value } });

describe("an idempotency key", () => {
  test("fifty at once over two instances are one generation, and fifty equal answers", async () => {
    const first = await startApi();
    const second = await startApi({ beside: first });
    const held = heldWork(first);
    await first.work(held.work);
    const calls = Array.from({ length: 50 }, (_, i) =>
      (i % 2 === 0 ? first : second).generate(inlineRequest, key("k")),
    );
    await held.begun;
    held.end();
    const answers = await Promise.all(calls);
    expect(held.calls()).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ headers }) => headers.get("x-generation-id"))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true")).toHaveLength(49);
    const bodies = new Set(await Promise.all(answers.map((answer) => answer.text())));
    expect(bodies.size).toBe(1);
    expect(first.queue.waits.size + second.queue.waits.size).toBe(0);
  });

  test("its answer is replayed, in quotes or without", async () => {
    const api = await startApi();
    const held = heldWork(api);
    held.end();
    await api.work(held.work);
    const first = await api.generate(inlineRequest, key("k"));
    const again = await api.generate(inlineRequest, key('"k"'));
    expect(first.headers.has("idempotent-replayed")).toBe(false);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("x-generation-id")).toBe(first.headers.get("x-generation-id"));
    expect(await again.text()).toBe(await first.text());
    expect(held.calls()).toBe(1);
  });

  test("links are fresh", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    await api.generate(request, key("k"));
    const { data } = await (await api.generate(request, key("k"))).json();
    expect((await api.follow(data[0].url)).status).toBe(200);
  });

  test("a final error is replayed with its status and its body", async () => {
    const api = await startApi();
    const held = heldWork(api, {
      kind: "failed",
      error: { code: "moderation_blocked", message: "The provider refused this prompt.", param: "prompt" },
    });
    held.end();
    await api.work(held.work);
    const first = await api.generate(request, key("k"));
    const again = await api.generate(request, key("k"));
    expect([first.status, again.status]).toEqual([400, 400]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("x-should-retry")).toBe("false");
    expect(await again.text()).toBe(await first.text());
    expect(held.calls()).toBe(1);
  });

  test("so is a cancellation", async () => {
    const api = await startApi();
    const asked = await api.generate(request, { headers: { ...key("k").headers, prefer: "respond-async" } });
    const { id } = await generationIn(asked);
    await api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
    const again = await api.generate(request, key("k"));
    expect(again.status).toBe(409);
    expect(again.headers.get("x-generation-id")).toBe(id);
  });

  test("422 with another body, naming the generation that it stands for", async () => {
    const api = await startApi();
    const first = await api.generate(request, { headers: { ...key("k").headers, prefer: "respond-async" } });
    const other = await api.generate({ ...request, prompt: "a dog" }, key("k"));
    expect(other.status).toBe(422);
    expect(other.headers.get("x-generation-id")).toBe(first.headers.get("x-generation-id"));
    expect(await other.json()).toMatchObject({ error: { code: "idempotency_mismatch", param: "Idempotency-Key" } });
    expect(api.queue.waits.size).toBe(0);
  });

  test("another key's is another", async () => {
    const api = await startApi();
    const prefer = { prefer: "respond-async" };
    const mine = await api.generate(request, { headers: { ...key("k").headers, ...prefer } });
    const authorization = `Bearer ${otherApiKey}`;
    const theirs = await api.generate(request, { headers: { ...key("k").headers, ...prefer, authorization } });
    expect(theirs.status).toBe(202);
    expect(theirs.headers.get("x-generation-id")).not.toBe(mine.headers.get("x-generation-id"));
  });

  test.each([["k".repeat(256)], ['"k'], [""]])("400 for %j", async (value) => {
    const api = await startApi();
    const answer = await api.generate(request, key(value));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: "Idempotency-Key" } });
  });

  test("who comes back at once to what its last caller's leaving canceled gets another", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const call = new AbortController();
    const gone = api.generate(request, { ...key("k"), signal: call.signal }).catch(() => "gone");
    const id = await submitted;
    call.abort();
    await gone;
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("canceled");
    await api.work(drawing(api.store, imageBytes));
    const again = await api.generate(request, key("k"));
    expect(again.status).toBe(200);
    expect(again.headers.get("x-generation-id")).not.toBe(id);
  });

  test("of two who wait here one may leave", async () => {
    const api = await startApi();
    const leaving = new AbortController();
    const submitted = api.nextSubmission();
    const gone = api.generate(request, { ...key("k"), signal: leaving.signal }).catch(() => "gone");
    const id = await submitted;
    const joined = api.nextSubmission();
    const staying = api.generate(request, key("k"));
    await joined;
    expect(await api.waitersOf(id)).toHaveLength(2);
    leaving.abort();
    expect(await gone).toBe("gone");
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    await expect.poll(() => api.disconnects.size).toBe(0);
    expect((await api.queue.generations.read(id))?.status).toBe("queued");
    await api.work(drawing(api.store, imageBytes));
    expect((await staying).status).toBe(200);
  });

  test("who was told 504 is told the truth: another's leaving does not cancel it", async () => {
    const hasty = await startApi({ syncTimeoutMs: 1_000 });
    const told = await hasty.generate(request, key("k"));
    expect(told.status).toBe(504);
    const id = told.headers.get("x-generation-id") ?? "";
    const call = new AbortController();
    const gone = hasty.generate(request, { ...key("k"), signal: call.signal }).catch(() => "gone");
    await expect.poll(() => hasty.waitersOf(id)).toHaveLength(1);
    call.abort();
    expect(await gone).toBe("gone");
    await expect.poll(() => hasty.queue.waits.size).toBe(0);
    await expect.poll(() => hasty.disconnects.size).toBe(0);
    expect((await hasty.queue.generations.read(id))?.status).toBe("queued");
  });

  test("two who wait are told the same when the process stops", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const both = [api.generate(request, key("k"))];
    const id = await submitted;
    const joined = api.nextSubmission();
    both.push(api.generate(request, key("k")));
    await joined;
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("queued");
    api.drain.dismiss();
    const answers = await Promise.all(both);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(answers.map(({ headers }) => headers.get("x-should-retry"))).toEqual(["true", "true"]);
  });

  test("what was accepted and never came to its lane is put there by recovery", async () => {
    const api = await startApi();
    const line = `${api.keys.lane("openai.interactive")}prioritized`;
    await api.redis.set(line, "no line of jobs");
    const asked = await api.generate(request, { headers: { ...key("k").headers, prefer: "respond-async" } });
    await api.redis.del(line);
    const { id } = await generationIn(asked);
    expect(await api.queue.lanes.find("openai.interactive", id)).toBeNull();
    const held = heldWork(api);
    held.end();
    await api.work(held.work);
    const waiting = api.generate(request, key("k"));
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    await api.tidy();
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-generation-id")).toBe(id);
    expect(held.calls()).toBe(1);
  });
});

describe("an SDK's own retry", () => {
  test("finds the generation of its first try, which is bought once", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const client = new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey, timeout: 3_000 });
    const first = api.nextSubmission();
    const images = client.images.generate(request).withResponse();
    const id = await first;
    await held.begun;
    await api.nextSubmission();
    held.end();
    const { data, response } = await images;
    expect((await api.follow(data.data?.[0]?.url ?? "")).status).toBe(200);
    expect(response.headers.get("x-generation-id")).toBe(id);
    expect(response.headers.get("idempotent-replayed")).toBe("true");
    expect(held.calls()).toBe(1);
  });

  test("two first tries with one body are two generations", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const client = new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey });
    const answers = await Promise.all([1, 2].map(() => client.images.generate(request).withResponse()));
    expect(new Set(answers.map(({ response }) => response.headers.get("x-generation-id"))).size).toBe(2);
  });
});

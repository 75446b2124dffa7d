import { newFileId } from "@darkroom/contracts";
import { laneOfTask } from "@darkroom/batches";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { otherApiKey } from "../../api.fixture.ts";
import { makeKey } from "../admin/admin.fixture.ts";
import { batchIn, batchRequest, putFile, startBatches } from "./batches.fixture.ts";

const signingSecret = "a master secret of at least thirty-two characters";

describe("200", () => {
  test("the batch as OpenAI shows it, waiting to be validated, with its job on the lane", async () => {
    const { api, fileId, send } = await startBatches();
    const answer = await send(batchRequest(fileId, { metadata: { order: "17" } }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const batch = await batchIn(answer);
    expect(batch).toEqual({
      id: expect.stringMatching(/^batch_/),
      object: "batch",
      endpoint: "/v1/images/generations",
      errors: null,
      input_file_id: fileId,
      completion_window: "24h",
      status: "validating",
      output_file_id: null,
      error_file_id: null,
      created_at: expect.any(Number),
      in_progress_at: null,
      expires_at: batch.created_at + 86_400,
      finalizing_at: null,
      completed_at: null,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: { order: "17" },
      cost: 0,
    });
    expect(await api.queue.lanes.find(laneOfTask(`validate.${batch.id}`), `validate.${batch.id}`)).toBe("waiting");
  });

  test("what it asks besides is kept with it", async () => {
    const { create, recordOf } = await startBatches({ webhooks: { signingSecret } });
    const webhook = "http://127.0.0.1:9/hook";
    const { id } = await create({
      completion_window: "7d",
      output_expires_after: { anchor: "created_at", seconds: 3_600 },
      job: { webhook, webhook_events: ["completed"] },
    });
    const record = await recordOf(id);
    expect(record).toMatchObject({ outputSeconds: 3_600, webhook, webhookEvents: ["completed"], metadata: null });
    expect(record.expiresAtMs - record.createdAtMs).toBe(7 * 86_400_000);
  });

  test("without webhook_events all four endings are told", async () => {
    const { create, recordOf } = await startBatches({ webhooks: { signingSecret } });
    const { id } = await create({ job: { webhook: "http://127.0.0.1:9/hook" } });
    expect((await recordOf(id)).webhookEvents.toSorted()).toEqual(["cancelled", "completed", "expired", "failed"]);
  });

  test("where its job does not reach the lane it is accepted all the same", async () => {
    const { api, create, recordOf } = await startBatches();
    vi.spyOn(api.queue.lanes, "add").mockRejectedValueOnce(new Error("The line is cut"));
    const { id } = await create();
    expect((await recordOf(id)).status).toBe("validating");
    expect(await api.queue.batches.active()).toEqual([id]);
  });

  test("a key that may use some models only may make batches: its lines are looked at later", async () => {
    const { api, fileId, send } = await startBatches();
    const { key } = await makeKey(api, { models: ["dall-e-2"] });
    expect((await send(batchRequest(fileId), {}, key)).status).toBe(200);
  });
});

describe("400", () => {
  let service: Awaited<ReturnType<typeof startBatches>>;
  beforeAll(async () => {
    service = await startBatches({ keep: true });
  });

  test.each([
    ["an endpoint that cannot be batched", { endpoint: "/v1/chat/completions" }, "endpoint"],
    ["no completion window", { completion_window: undefined }, "completion_window"],
    ["a window that is none", { completion_window: "soon" }, "completion_window"],
    ["a window of over a week", { completion_window: "8d" }, "completion_window"],
    ["too many pairs", { metadata: Object.fromEntries(Array.from("abcdefghijklmnopq", (k) => [k, k])) }, "metadata"],
    [
      "an output that is gone at once",
      { output_expires_after: { anchor: "created_at", seconds: 1 } },
      "output_expires_after.seconds",
    ],
    ["an unknown field", { priority: 1 }, "priority"],
    ["a webhook where there are none", { job: { webhook: "https://example.com/hook" } }, "job.webhook"],
    ["events without an address", { job: { webhook_events: ["failed"] } }, "job.webhook_events"],
    ["an event of generations", { job: { webhook_events: ["succeeded"] } }, "job.webhook_events.0"],
  ])("for %s", async (_what, more, param) => {
    const answer = await service.send(batchRequest(service.fileId, more));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "invalid_request_error", param } });
  });

  test.each([
    ["no file", async () => newFileId(Date.now()), /no file of this id/],
    ["what is no id", async () => "file-1", /no file of this id/],
    ["another tenant's", () => putFile(service.api, { tenant: "other" }), /no file of this id/],
    ["an output", () => putFile(service.api, { purpose: "batch_output" }), /purpose of the file is 'batch_output'/],
  ])("for %s as its input", async (_what, file, sentence) => {
    const answer = await service.send(batchRequest(await file()));
    expect(answer.status).toBe(400);
    const message = expect.stringMatching(sentence);
    expect(await answer.json()).toMatchObject({ error: { param: "input_file_id", message } });
  });

  test("for a file that has expired", async () => {
    let nowMs = Date.now();
    const { fileId, send } = await startBatches({ now: async () => nowMs });
    nowMs += 60_001;
    const answer = await send(batchRequest(fileId));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: "input_file_id" } });
  });

  test("for no body", async () => {
    const answer = await service.api.call("/v1/batches", { method: "POST" });
    expect(answer.status).toBe(400);
  });
});

describe("refused", () => {
  test("401 without a key", async () => {
    const { api } = await startBatches();
    expect((await fetch(`${api.baseUrl}/v1/batches`, { method: "POST" })).status).toBe(401);
  });

  test("503 while the server shuts down", async () => {
    const { api, fileId, send } = await startBatches();
    api.drain.begin();
    const answer = await send(batchRequest(fileId));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-should-retry")).toBe("true");
  });

  test("200 with its id when it was created and cannot be read", async () => {
    const { api, fileId, send } = await startBatches();
    vi.spyOn(api.queue.batches, "read").mockRejectedValueOnce(new Error("Redis is away"));
    const batch = await batchIn(await send(batchRequest(fileId, { metadata: { order: "17" } })));
    expect(batch).toEqual(await batchIn(await api.call(`/v1/batches/${batch.id}`)));
  });

  test("503 while Redis is full", async () => {
    const { fileId, send } = await startBatches({ full: true });
    expect((await send(batchRequest(fileId))).status).toBe(503);
  });

  test("503 while Redis is away, and nothing else", async () => {
    const { api, fileId, send } = await startBatches({ behindProxy: true });
    api.redisLine.cut();
    const answer = await send(batchRequest(fileId));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
  });

  test("429 with Retry-After after 2,000 in an hour, of that key alone", async () => {
    const { api, fileId, send, recordOf, create } = await startBatches();
    const { keyId, createdAtMs } = await recordOf((await create()).id);
    // The rest of the two thousand, evenly over the last half hour.
    const list = api.keys.batchCreations(keyId);
    await api.redis.rpush(list, ...Array.from({ length: 1_998 }, (_, i) => createdAtMs - i * 900));
    expect((await send(batchRequest(fileId))).status).toBe(200);
    const answer = await send(batchRequest(fileId));
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    const waitSeconds = Number(answer.headers.get("retry-after"));
    expect(waitSeconds).toBeGreaterThan(3_600 - 1_800 - 60);
    expect(waitSeconds).toBeLessThanOrEqual(3_600 - 1_797);
    const theirs = await putFile(api, { tenant: "other" });
    expect((await send(batchRequest(theirs), {}, otherApiKey)).status).toBe(200);
  });
});

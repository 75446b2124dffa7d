import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { startApi } from "../api.fixture.ts";
import { delivering } from "../worker.fixture.ts";

test("every refused request is counted by its code, and no other", async () => {
  const api = await startApi();
  await api.call("/v1/models");
  await api.call("/v1/models", { key: "sk-wrong" });
  await api.call("/v1/nowhere");
  await api.call("/v1/nowhere/else");
  await api.post("{");
  const socket = connect(Number(new URL(api.baseUrl).port), "127.0.0.1");
  socket.end("no HTTP\r\n\r\n").resume();
  await once(socket, "close");

  const counted = async () => {
    const { values } = await api.metrics.refusedRequests.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.code, value]));
  };
  // A request is counted when its answer is out, and that is a moment before or after the caller has it.
  await expect.poll(counted).toEqual({ invalid_api_key: 1, not_found: 2, invalid_request_error: 2 });
});

test("an answer tells how long it took, as OpenAI's do", async () => {
  const api = await startApi();
  const drawnMs = 60;
  await api.work(delivering(async () => setTimeout(drawnMs), 1));
  const answers = [await api.generate({ prompt: "a cat" }), await api.call("/v1/nowhere")];
  const [drawn, refused] = answers.map(({ headers }) => headers.get("openai-processing-ms"));
  expect(Number(drawn)).toBeGreaterThanOrEqual(drawnMs);
  expect(refused).toMatch(/^\d+$/);
});

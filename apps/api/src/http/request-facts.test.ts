import { once } from "node:events";
import { connect, Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { newBatchId, newFileId, newGenerationId } from "@darkroom/contracts";
import { startApi } from "../api.fixture.ts";
import { delivering } from "../worker.fixture.ts";
import { clientAddress, loggablePath } from "./request-facts.ts";

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

const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: "10.0.0.1" });

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["203.0.113.7:51234", "203.0.113.7"],
  ["2001:db8::7", "2001:db8::7"],
  ["[2001:db8::7]:51234", "2001:db8::7"],
  ["sk-proj-0123456789abcdef", "10.0.0.1"],
  ["0123456789abcdef0123456789abcdef", "10.0.0.1"],
  ["unknown", "10.0.0.1"],
])("%s is logged as %s", (ip, logged) => {
  expect(clientAddress({ ip, socket })).toBe(logged);
});

const words = new Set(["v1", "models", "images", "generations", "files", "content", "admin", "keys"]);
const [generation, batch, file] = [newGenerationId(1), newBatchId(1), newFileId(1)];

test.each([
  ["/v1/images/generations?api_key=secret", "/v1/images/generations"],
  [`/v1/generations/${generation}`, `/v1/generations/${generation}`],
  [`/v1/files/${file}/content`, `/v1/files/${file}/content`],
  [`/v1/${batch}`, `/v1/${batch}`],
  ["/admin/keys/key_0a1b2c3d4e5f6a7b8c9d0e1f", "/admin/keys/key_0a1b2c3d4e5f6a7b8c9d0e1f"],
  ["/v1/models/%20sk-proj-0123456789abcdef", "/v1/models/…"],
  ["/v1/models/aGVsbG8gd29ybGQgYSBrZXk=", "/v1/models/…"],
  ["/key_live_0123456789abcdef", "/…"],
  [`/images/acme/${generation}/0.png?signature=x`, `/images/…/${generation}/…`],
  ["/", "/"],
  ["//v1//models", "//v1//models"],
  ["*", "/"],
  [`/${"a/".repeat(5_000)}`, "/…/…/…/…/…/…/…/…/…"],
])("%s is logged as %s", (url, logged) => {
  expect(loggablePath(url, words)).toBe(logged);
});

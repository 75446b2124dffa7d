import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";
import { beforeAll, expect, test } from "vitest";
import { adminKey, keepApi, type KeptApi } from "../api.fixture.ts";
import { imageBytes, request } from "../generation.fixture.ts";
import { drawing } from "../worker.fixture.ts";
import { commonHeaders } from "./common-headers.ts";

let api: KeptApi;
let imagePath: string;
beforeAll(async () => {
  api = await keepApi({ corsOrigins: ["*"] });
  await api.work(drawing(api.store, imageBytes));
  const { data } = await (await api.generate(request)).json();
  const { pathname, search } = new URL(data[0].url);
  imagePath = pathname + search;
  return api.close;
});

const preflight = { origin: "https://app.test", "access-control-request-method": "POST" };

test.each([
  ["JSON", 200, () => api.call("/v1/models")],
  ["images in JSON", 200, () => api.generate({ ...request, response_format: "b64_json" })],
  ["an image", 200, () => api.call(imagePath)],
  ["the head of an image", 200, () => api.call(imagePath, { method: "HEAD" })],
  ["a link that was changed", 403, () => api.call(`${imagePath}0`)],
  ["a stream of events", 200, () => api.generate({ ...request, stream: true })],
  ["metrics", 200, () => api.call("/metrics", { key: adminKey })],
  ["an unknown key", 401, () => api.call("/v1/models", { key: "sk-wrong" })],
  ["no route", 404, () => api.call("/nowhere")],
  ["a path that is malformed", 400, () => api.call("/v1/generations/%zz")],
  ["a method that is not there", 405, () => api.call("/v1/models", { method: "PUT" })],
  ["a body that is no JSON", 400, () => api.post("{")],
  ["a body that is too large", 413, () => api.post(`"${"x".repeat(2_000_000)}"`)],
  ["a preflight", 204, () => api.call("/v1/models", { method: "OPTIONS", headers: preflight })],
])("the headers of every answer are on %s", async (_what, status, ask) => {
  const answer = await ask();
  await answer.arrayBuffer();
  expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([status, expect.objectContaining(commonHeaders)]);
});

test("the headers of every answer are on each refusal in a flood of unknown keys", async () => {
  const socket = connect(await listeningPort(api.app.server), "127.0.0.1");
  socket.end("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40));
  const answers = await text(socket);
  expect(answers.match(/HTTP\/1.1 401/g)).toHaveLength(40);
  for (const [name, value] of Object.entries(commonHeaders))
    expect(answers.split(`${name}: ${value}`)).toHaveLength(41);
});

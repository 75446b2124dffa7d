import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "./api.fixture.ts";
import { generationIn, request } from "./generation.fixture.ts";

test("what is only read is answered while the connection that submits is held up", async () => {
  const api = await startApi();
  const { id } = await generationIn(await api.post(request, { headers: { prefer: "respond-async" } }));
  const other = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => other.disconnect());
  // Redis reads nothing more of a connection that waits for a list.
  const held = `${api.prefix}:held`;
  const heldUp = api.redis.blpop(held, 60).catch((error: unknown) => error);

  const paths = [
    "/v1/generations",
    `/v1/generations/${id}`,
    "/v1/generations?status=queued",
    "/v1/batches",
    "/v1/files",
    "/v1/webhooks/deliveries",
    "/v1/usage",
  ];
  const answers = await Promise.all(paths.map(async (path) => api.call(path)));
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
  expect(await other.client("LIST")).toContain("cmd=blpop");
  await other.lpush(held, "1");
  await heldUp;
});

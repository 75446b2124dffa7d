import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { expectAllSucceeded } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const requests = 500;

test("two workers, 500 requests: every provider call is counted and none is made twice", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const environment = {
    OPENAI_API_KEY: "sk-upstream",
    OPENAI_BASE_URL: upstream.baseUrl,
    LOCK_DURATION_MS: "30000",
    LOG_LEVEL: "info",
  };
  const stack = await startStack({ workers: 2, environment });
  const answers = await Promise.all(
    Array.from({ length: requests }, (_, i) =>
      stack.generate({ model: "dall-e-2", prompt: `cat ${i}`, size: "256x256" }),
    ),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const ids = answers.map(({ headers }) => headers.get("x-generation-id"));
  const called = upstream.requests.map(({ headers }) => headers["x-client-request-id"]);
  expect(called).toHaveLength(requests);
  expect(new Set(called)).toEqual(new Set(ids));
  await expectAllSucceeded(stack.redis.url, requests);
});

import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { freePort } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

async function scrape(origin: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${origin}/metrics`, { headers });
  expect(answer.status).toBe(200);
  return answer.text();
}

/** An api and a worker whose metrics are scraped as an operator does, taken down after the test. */
export async function startObservedStack() {
  const adminKey = newApiKey();
  const workerPort = await freePort();
  const stack = await startStack({
    environment: {
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      WORKER_PORT: String(workerPort),
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  const request = { model: "dall-e-2", size: "256x256" };
  const draw = async (body: object, status = 200) => {
    const answer = await stack.generate({ ...request, ...body });
    expect(answer.status).toBe(status);
    return answer.text();
  };

  return {
    ...stack,
    adminKey,
    workerPort,
    scrapeApi: () => scrape(stack.origin, { authorization: `Bearer ${adminKey}` }),
    scrapeWorker: () => scrape(`http://127.0.0.1:${workerPort}`),

    /** Makes what most metrics count: images, a stream, a webhook, a batch, a rate limit, failures and a refused request. */
    async use() {
      const receiver = await startWebhookReceiver();
      onTestFinished(() => receiver.close());
      await draw({ prompt: "a cat", job: { webhook: receiver.url } });
      await draw({ model: "gpt-image-2", size: "1024x1024", quality: "low", prompt: "a dog", stream: true });
      await draw({ prompt: "a bird [sandbox:fail=429,retry-after=1,times=1]" });
      await draw({ prompt: "a fish [sandbox:fail=moderation_blocked]" }, 400);
      await draw({ prompt: "" }, 400);
      const client = stack.openai();
      expect((await untilEnded(client, (await createBatch(client, numberedLines(2))).id)).status).toBe("completed");
      await expect.poll(() => receiver.received.length).toBe(1);
    },

    /** Holds a call open for as long as a test needs one. */
    hold: (prompt: string, seconds: number) =>
      stack.generate({ ...request, prompt: `${prompt} [sandbox:delay=${seconds * 1_000}]` }),
  };
}

import { generationEventSchema, generationSchema } from "@darkroom/contracts";
import { startFakeArk } from "@darkroom/testing";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { openStack, type Stack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const request = { model: "doubao-seedream-3-0-t2i", prompt: "a cat", size: "512x512", n: 3 };
const busy = { status: 429, body: { error: { code: "ServerOverloaded", message: "x" } } };
const refused = { body: { data: [{ error: { code: "OutputImageSensitiveContentDetected", message: "x" } }] } };

let upstream: Awaited<ReturnType<typeof startFakeArk>>;
let stack: Stack;
beforeAll(async () => {
  upstream = await startFakeArk();
  stack = await openStack({
    environment: {
      ARK_API_KEY: "ark",
      ARK_BASE_URL: upstream.baseUrl,
      PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  return async () => {
    await stack.close();
    await upstream.close();
  };
});
beforeEach(() => upstream.reset());

/** Which image each call was for, in the order of their arrival. */
const asked = () =>
  upstream.requests.map(({ headers }) => Number(String(headers["x-client-request-id"]).split("-").at(-1)));

async function read(id: string | null) {
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  const answer = await fetch(`${stack.origin}/v1/generations/${id}`, { headers });
  return generationSchema.parse(await answer.json());
}

test("one image came, one was refused for now, one call broke off: the second alone is asked for again", async () => {
  upstream.next({}, busy, { connection: "cut" });
  const answer = await stack.generate(request);
  const [, wasBusy, wasCut] = asked();
  expect(answer.status).toBe(200);
  expect(asked().slice(3)).toEqual([wasBusy]);
  expect(answer.headers.get("x-generation-missing-images")).toBe("1");
  const { missing, response } = await read(answer.headers.get("x-generation-id"));
  expect(response?.data).toHaveLength(2);
  expect(missing).toEqual([{ index: wasCut, code: "upstream_error", message: expect.any(String) }]);
});

test("the image that was refused for good is told, and the busy one behind it is asked for again", async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  upstream.next({}, refused, busy);
  const answer = await stack.generate({ ...request, job: { webhook: receiver.url } });
  const [, wasRefused, wasBusy] = asked();
  expect(asked().slice(3)).toEqual([wasBusy]);
  expect(answer.headers.get("x-generation-missing-images")).toBe("1");
  await expect.poll(() => receiver.received.length).toBe(1);
  const { data } = generationEventSchema.parse(JSON.parse(receiver.received[0]?.body ?? ""));
  expect(data.missing).toEqual([{ index: wasRefused, code: "content_policy_violation", message: expect.any(String) }]);
});

test("where all came nothing is said to be missing", async () => {
  const answer = await stack.generate(request);
  expect(answer.headers.get("x-generation-missing-images")).toBeNull();
  expect(await read(answer.headers.get("x-generation-id"))).not.toHaveProperty("missing");
});

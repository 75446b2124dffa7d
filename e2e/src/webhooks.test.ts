import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema, generationEventSchema } from "@darkroom/contracts";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { measureLink } from "./measure-image.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const environment = {
  WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
  WEBHOOK_ALLOW_PRIVATE: "true",
  WEBHOOK_ALLOW_INSECURE: "true",
};
const request = { model: "dall-e-2", prompt: "a cat", size: "256x256" };

async function withReceiver() {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const stack = await startStack({ environment });
  const call = async (path: string, method = "GET") => {
    const answer = await fetch(`${stack.origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${stack.apiKey}` },
    });
    return { status: answer.status, body: await answer.json() };
  };
  return { receiver, stack, call };
}

test("the ending is posted, signed with the key's own secret, with a link that works", async () => {
  const { receiver, stack, call } = await withReceiver();
  const answer = await stack.generate({ ...request, job: { webhook: receiver.url, metadata: { order: "17" } } });
  await expect.poll(() => receiver.received.length).toBe(1);
  const [{ headers, body } = { headers: {}, body: "" }] = receiver.received;
  const { secret } = z.object({ secret: z.string() }).parse((await call("/v1/webhooks/secret")).body);
  expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
  const event = generationEventSchema.parse(JSON.parse(body));
  expect(event).toMatchObject({
    type: "generation.succeeded",
    data: { id: answer.headers.get("x-generation-id"), status: "succeeded", metadata: { order: "17" } },
  });
  const { pathname, search } = new URL(event.data.response?.data[0]?.url ?? "");
  expect(await measureLink(`${stack.origin}${pathname}${search}`)).toMatchObject({ size: "256x256" });
});

test("while a key's secret is rotated both verify, and after the grace time the new one alone", async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const adminKey = newApiKey();
  const stack = await startStack({ environment: { ...environment, ADMIN_KEY_SHA256: hashApiKey(adminKey) } });
  const call = async (key: string, path: string, body?: object) => {
    const answer = await fetch(`${stack.origin}${path}`, {
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    });
    return answer.json();
  };
  const made = createdApiKeySchema.parse(await call(adminKey, "/admin/keys", { tenant: "acme", name: "shop" }));
  const secretSchema = z.object({ secret: z.string() });
  const rotate = async (graceSeconds: number) => {
    const path = `/admin/keys/${made.id}/webhook-secret/rotate`;
    return secretSchema.parse(await call(adminKey, path, { grace_seconds: graceSeconds })).secret;
  };
  /** Which of the secrets verify the webhook of a new generation. */
  const verifying = async (secrets: readonly string[]) => {
    const before = receiver.received.length;
    await call(made.key, "/v1/images/generations", { ...request, job: { webhook: receiver.url } });
    await expect.poll(() => receiver.received.length).toBe(before + 1);
    const { headers, body } = receiver.received[before] ?? { headers: {}, body: "" };
    return secrets.map((secret) => {
      try {
        return new Webhook(secret).verify(body, headers) !== undefined;
      } catch {
        return false;
      }
    });
  };
  const { secret: first } = secretSchema.parse(await call(made.key, "/v1/webhooks/secret"));
  const second = await rotate(3_600);
  expect(await verifying([first, second])).toEqual([true, true]);
  const third = await rotate(0);
  expect(await verifying([first, second, third])).toEqual([false, false, true]);
});

test("an address that says 410 is dead, is listed, and can be replayed under the same id", async () => {
  const { receiver, stack, call } = await withReceiver();
  receiver.answerWith(410);
  await stack.generate({ ...request, job: { webhook: receiver.url } });
  const dead = async () =>
    z
      .object({ data: z.array(z.object({ id: z.string() })) })
      .parse((await call("/v1/webhooks/deliveries?status=dead")).body).data;
  await expect.poll(async () => (await dead()).length).toBe(1);
  const [{ id } = { id: "" }] = await dead();
  receiver.answerWith(204);
  expect(await call(`/v1/webhooks/deliveries/${id}/replay`, "POST")).toMatchObject({
    status: 202,
    body: { status: "pending" },
  });
  await expect
    .poll(async () => (await call("/v1/webhooks/deliveries?status=delivered")).body)
    .toMatchObject({ data: [{ id }] });
  expect(receiver.received.map(({ headers }) => headers["webhook-id"])).toEqual([id, id]);
  expect(await call("/v1/webhooks/deliveries/msg_other/replay", "POST")).toMatchObject({ status: 404 });
});

test("a private address is refused when the request is sent, unless the operator allows it", async () => {
  const stack = await startStack({ environment: { WEBHOOK_SIGNING_SECRET: environment.WEBHOOK_SIGNING_SECRET } });
  const refused = await stack.generate({ ...request, job: { webhook: "https://127.0.0.1/hook" } });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { param: "job.webhook" } });
});

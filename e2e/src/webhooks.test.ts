import { webhookEventSchema } from "@darkroom/contracts";
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
  const event = webhookEventSchema.parse(JSON.parse(body));
  expect(event).toMatchObject({
    type: "generation.succeeded",
    data: { id: answer.headers.get("x-generation-id"), status: "succeeded", metadata: { order: "17" } },
  });
  const { pathname, search } = new URL(event.data.response?.data[0]?.url ?? "");
  expect(await measureLink(`${stack.origin}${pathname}${search}`)).toMatchObject({ size: "256x256" });
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

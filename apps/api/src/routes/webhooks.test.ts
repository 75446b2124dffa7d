import { webhookSecret } from "@darkroom/webhooks";
import { describe, expect, test } from "vitest";
import { apiKey, otherApiKey, startApi } from "../api.fixture.ts";
import { request } from "../generation.fixture.ts";
import { askAdmin, makeKey } from "./admin/admin.fixture.ts";

const signingSecret = "a master secret of at least thirty-two characters";

describe("GET /v1/webhooks/secret", () => {
  test("each key's own", async () => {
    const api = await startApi({ webhooks: { signingSecret } });
    const secretOf = async (key: string) => {
      const answer = await api.call("/v1/webhooks/secret", { key });
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return answer.json();
    };
    const asked = await api.generate(request, { headers: { prefer: "respond-async" } });
    const record = await api.queue.generations.read(asked.headers.get("x-generation-id") ?? "");
    const mine = await secretOf(apiKey);
    expect(mine).toEqual({ object: "webhook.secret", secret: webhookSecret(signingSecret, record?.keyId ?? "") });
    expect((await secretOf(otherApiKey)).secret).not.toBe(mine.secret);
  });

  test("404 where there are no webhooks", async () => {
    const api = await startApi();
    expect((await api.call("/v1/webhooks/secret")).status).toBe(404);
  });
});

describe("POST /admin/keys/{id}/webhook-secret/rotate", () => {
  test("changes the secret of that key alone, once each time", async () => {
    const api = await startApi({ webhooks: { signingSecret } });
    const { key, id } = await makeKey(api);
    const read = async (of: string) => (await (await api.call("/v1/webhooks/secret", { key: of })).json()).secret;
    const others = await read(apiKey);
    expect(await read(key)).toBe(webhookSecret(signingSecret, id));
    const path = `/admin/keys/${id}/webhook-secret/rotate`;
    const answer = await askAdmin(api, "POST", path, { grace_seconds: 60 });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({ object: "webhook.secret", secret: webhookSecret(signingSecret, id, 2) });
    expect(await read(key)).toBe(webhookSecret(signingSecret, id, 2));
    await askAdmin(api, "POST", path);
    expect(await read(key)).toBe(webhookSecret(signingSecret, id, 3));
    expect(await read(apiKey)).toBe(others);
  });

  test("404 where there are no webhooks", async () => {
    const api = await startApi();
    const { id } = await makeKey(api);
    expect((await askAdmin(api, "POST", `/admin/keys/${id}/webhook-secret/rotate`)).status).toBe(404);
  });
});

describe("job.webhook", () => {
  const ask = (job: object) => ({ ...request, job });
  const publicOnly = { signingSecret, allowPrivate: false, allowInsecure: false };

  test("is accepted when it may be called", async () => {
    const api = await startApi({ webhooks: { signingSecret } });
    const body = ask({ webhook: "http://127.0.0.1:9/hook", webhook_events: ["failed"] });
    expect((await api.post(body, { headers: { prefer: "respond-async" } })).status).toBe(202);
  });

  test.each([
    ["http://example.com/hook", /https/],
    ["https://127.0.0.1/hook", /./],
    ["https://[::ffff:169.254.169.254]/hook", /./],
    ["https://2130706433/hook", /./],
    ["https://user:pw@example.com/hook", /user or a password/],
  ])("400 for %s", async (webhook, sentence) => {
    const api = await startApi({ webhooks: publicOnly });
    const answer = await api.post(ask({ webhook }));
    expect(answer.status).toBe(400);
    const { error } = await answer.json();
    expect(error).toMatchObject({ param: "job.webhook", message: expect.stringMatching(sentence) });
    expect(api.queue.waits.size).toBe(0);
  });

  test("400 where there are no webhooks", async () => {
    const api = await startApi();
    const answer = await api.post(ask({ webhook: "https://example.com/hook" }));
    expect(answer.status).toBe(400);
    const { error } = await answer.json();
    expect(error).toMatchObject({ param: "job.webhook", message: expect.stringContaining("not configured") });
  });

  test("400 for events without an address", async () => {
    const api = await startApi();
    const answer = await api.post(ask({ webhook_events: ["failed"] }));
    expect(await answer.json()).toMatchObject({ error: { param: "job.webhook_events" } });
  });
});

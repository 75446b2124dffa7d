import { selfSigned, startStopwatch } from "@darkroom/testing";
import tls from "node:tls";
import { webhookEventSchema } from "@darkroom/contracts";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectNoSecretIn, oldSecret, payload, post, secret, startTls } from "./post-webhook.fixture.ts";
import { startReceiver } from "./receiver.fixture.ts";
import type { WebhookHttpOptions } from "./webhook-http.ts";

describe("an event that is delivered", () => {
  test("is JSON, signed, and accepted with the new and with the old secret", async () => {
    const receiver = await startReceiver((response) => response.writeHead(204).end());
    expect(await post(receiver.url, {}, { secrets: [secret, oldSecret] })).toEqual({
      outcome: "delivered",
      status: 204,
    });
    expect(receiver.received).toHaveLength(1);
    const [{ method, url, headers, body } = { body: "", headers: {} }] = receiver.received;
    expect([method, url]).toEqual(["POST", "/hook?token=t0ken"]);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "Darkroom-Webhooks/1",
      "webhook-id": "msg_1",
      "content-length": String(Buffer.byteLength(body)),
    });
    const signed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    for (const one of [secret, oldSecret]) {
      expect(webhookEventSchema.parse(new Webhook(one).verify(body, signed))).toEqual(payload);
    }
    expect(() => new Webhook(secret).verify(`${body} `, signed)).toThrow("No matching signature");
  });

  test.each([200, 201, 202, 204, 299])("by any 2xx: %i", async (status) => {
    const receiver = await startReceiver((response) => response.writeHead(status).end());
    expect(await post(receiver.url)).toEqual({ outcome: "delivered", status });
  });

  test("has an id that stays and a time that moves with each attempt", async () => {
    const receiver = await startReceiver((response) => response.end());
    for (const sentAtMs of [1_800_000_000_000, 1_800_000_005_000]) await post(receiver.url, {}, { sentAtMs });
    const told = receiver.received.map(({ headers }) => [headers["webhook-id"], headers["webhook-timestamp"]]);
    expect(told).toEqual([
      ["msg_1", "1800000000"],
      ["msg_1", "1800000005"],
    ]);
  });
});

describe("an answer that is no success", () => {
  test.each([
    [400, {}, undefined],
    [401, {}, undefined],
    [404, {}, undefined],
    [500, { "retry-after": "60" }, undefined],
    [429, {}, undefined],
    [429, { "retry-after": "60" }, 60_000],
    [503, { "retry-after": "7200" }, 7_200_000],
    [503, { "retry-after": "99999999" }, 86_400_000],
    [503, { "retry-after": "soon" }, undefined],
  ])("%i %j is tried again", async (status, headers, afterMs) => {
    const receiver = await startReceiver((response) => response.writeHead(status, headers).end("whsec_ t0ken"));
    const answer = await post(receiver.url);
    const what = `The receiver answered ${status}.`;
    expect(answer).toEqual(
      afterMs === undefined ? { outcome: "retry", status, what } : { outcome: "retry", status, what, afterMs },
    );
    expectNoSecretIn(answer);
  });

  test.each([301, 302, 303, 307, 308])("%i is not followed", async (status) => {
    const target = await startReceiver((response) => response.end());
    const receiver = await startReceiver((response) => response.writeHead(status, { location: target.url }).end());
    expect(await post(receiver.url)).toEqual({
      outcome: "retry",
      status,
      what: `The receiver answered ${status}, but redirects are not followed.`,
    });
    expect(target.received).toHaveLength(0);
  });

  test("410 switches the endpoint off", async () => {
    const receiver = await startReceiver((response) => response.writeHead(410).end());
    expect(await post(receiver.url)).toMatchObject({ outcome: "gone", status: 410 });
  });
});

test("over TLS with a certificate that is trusted, the event arrives", async () => {
  const trusted = tls.getCACertificates("default");
  tls.setDefaultCACertificates([...trusted, selfSigned.cert]);
  onTestFinished(() => tls.setDefaultCACertificates(trusted));
  const url = `https://localhost:${await startTls(selfSigned)}/`;
  expect(await post(url, { allowInsecure: false })).toEqual({ outcome: "delivered", status: 200 });
});

describe("an address that breaks a rule is refused, and nothing is sent", () => {
  const guarded: WebhookHttpOptions = { allowPrivate: false, allowInsecure: true };

  test.each([
    ["plain http", { allowInsecure: false }, "http://hooks.example/", "must start with https://"],
    ["no URL", {}, "hooks.example", "This is not a URL."],
    ["a password", {}, "https://u:p@hooks.example/", "must not have a user or a password"],
    ["metadata", guarded, "http://169.254.169.254/", "169.254.169.254 is not a public address."],
  ])("%s", async (_, options, url, sentence) => {
    const answer = await post(url, options);
    expect(answer).toEqual({ outcome: "refused", what: expect.stringContaining(sentence) });
  });

  test("loopback", async () => {
    const receiver = await startReceiver((response) => response.end());
    expect((await post(receiver.url, guarded)).outcome).toBe("refused");
    expect(receiver.received).toHaveLength(0);
  });

  test("a name that led outside when it was handed in and leads here now", async () => {
    const receiver = await startReceiver((response) => response.end());
    const resolve = async () => [{ address: "127.0.0.1", family: 4 }];
    const answer = await post(`http://rebinding.example:${receiver.port}/`, { ...guarded, resolve });
    expect(answer).toEqual({
      outcome: "refused",
      what: expect.stringMatching(/^The name rebinding\.example has no addresses that the public internet can reach\./),
    });
    expect(receiver.received).toHaveLength(0);
  });
});

test("an attempt that is called off throws the reason of its signal, and the connection is closed", async () => {
  const stop = new AbortController();
  const reason = new Error("shutting down");
  let closed: Promise<unknown> = Promise.resolve();
  const receiver = await startReceiver((response) => {
    closed = new Promise((resolve) => response.on("close", resolve));
    stop.abort(reason);
  });
  await expect(post(receiver.url, {}, { signal: stop.signal })).rejects.toBe(reason);
  await closed;
  await expect(post(receiver.url, {}, { signal: stop.signal })).rejects.toBe(reason);
  expect(receiver.received).toHaveLength(1);
});

test("an attempt that is called off before there is a connection ends at once, too", async () => {
  const stop = new AbortController();
  const reason = new Error("shutting down");
  const resolve = () => {
    stop.abort(reason);
    return new Promise<never>(() => undefined);
  };
  const sinceMs = startStopwatch();
  const call = post("https://name.example/", { allowPrivate: false, resolve }, { signal: stop.signal });
  await expect(call).rejects.toBe(reason);
  expect(sinceMs()).toBeLessThan(700);
});

import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { freePort } from "@darkroom/testing";
import { expect } from "vitest";
import { startService } from "../service.ts";
import type { ExposedStack } from "./exposed-stack.ts";
import { echoes, misplacedKeys, wrongAuthorizations } from "./provoke-errors.ts";

const images = "/v1/images/generations";

/** By then a process has said what is wrong with its settings, or that it cannot reach its Redis. */
const lookMs = 1_500;

const [api, worker] = ["apps/api/src/main.ts", "apps/worker/src/main.ts"];

/** Draws in every way, opens the links, has webhooks sent and fails at some, and reads all that there is to read. */
export async function useWell({ caller, origin, receiver, noteWebhookSecret }: ExposedStack, key: string) {
  const post = (body: object, headers: Record<string, string> = {}) =>
    caller.call(origin, images, { key, body, headers });
  const drawn = await post({ model: "dall-e-2", prompt: "a cat", job: { webhook: receiver.url } });
  const { url } = JSON.parse(String(drawn.body)).data[0];
  await caller.call(origin, String(url).slice(origin.length));
  await post({ model: "dall-e-3", prompt: "a cat", response_format: "b64_json" });
  await post({ model: "gpt-image-1", prompt: "a cat", stream: true, partial_images: 1 });
  await post({ model: "doubao-seedream-3-0-t2i", prompt: "a cat", job: { webhook: receiver.url } });
  await expect.poll(() => receiver.received.length).toBe(2);
  receiver.answerWith(410);
  await post({ model: "dall-e-3", prompt: "a cat", job: { webhook: receiver.url } });
  await expect.poll(() => receiver.received.length).toBe(3);
  receiver.answerWith(204);
  const secret = await caller.call(origin, "/v1/webhooks/secret", { key, tellsSecret: true });
  noteWebhookSecret("a webhook secret", secret.body);
  const id = String(drawn.headers["x-generation-id"]);
  for (const path of ["/v1/models", "/v1/generations", `/v1/generations/${id}`, `/v1/generations/${id}/events`]) {
    await caller.call(origin, path, { key });
  }
  for (const path of ["/v1/usage", "/v1/webhooks/deliveries", "/healthz", "/readyz"]) {
    await caller.call(origin, path, { key });
  }
}

/** Keys are rotated, disabled, expired and deleted, and every one of them is tried afterwards, on every api process. */
export async function endKeys({
  caller,
  apis,
  own,
  secrets,
  ask,
  makeKey,
  rotateKey,
  noteWebhookSecret,
}: ExposedStack) {
  const made = await Promise.all(["rotated", "disabled", "deleted"].map((name) => makeKey(name)));
  const [rotated, disabled, deleted] = made.map(({ id }) => id);
  const expired = await makeKey("expired", { expires_at: Math.ceil(Date.now() / 1_000) + 1 });
  const fresh = [await rotateKey(String(rotated), 60), await rotateKey(String(rotated), 0)];
  for (const id of [rotated, rotated]) {
    const answer = await caller.call(String(apis[0]?.origin), `/admin/keys/${id}/webhook-secret/rotate`, {
      key: own["the admin key"],
      body: {},
      tellsSecret: true,
    });
    noteWebhookSecret(`webhook secret ${Object.keys(secrets).length}`, answer.body);
  }
  for (const [method, id, body] of [
    ["PATCH", disabled, { status: "disabled" }],
    ["DELETE", deleted, undefined],
  ] as const) {
    await caller.call(String(apis[0]?.origin), `/admin/keys/${id}`, {
      method,
      key: own["the admin key"],
      ...(body && { body }),
    });
  }
  for (const { id } of made) await ask(`/admin/keys/${id}`);
  const strange = newApiKey();
  secrets["a key that was never made"] = strange;
  for (const { origin } of apis) {
    for (const key of [...made.map((one) => one.key), ...fresh, expired.key, strange]) {
      await caller.call(origin, "/v1/models", { key });
      await caller.call(origin, images, { key, body: { model: "scripted", prompt: "a cat" } });
      await caller.call(origin, "/admin/keys", { key });
    }
  }
}

/** Sends keys where none belong, and on routes that are not theirs. */
export async function misuse({ caller, origin, own, ask }: ExposedStack, keys: readonly string[], good: string) {
  for (const key of keys) {
    for (const headers of wrongAuthorizations(key)) await caller.call(origin, "/v1/models", { headers });
    for (const { path, ...call } of misplacedKeys(key)) {
      await caller.call(origin, path, { key: good, ...call });
      await caller.call(origin, path, call);
    }
    for (const path of ["/v1/models", "/v1/webhooks/secret", "/admin/keys", "/metrics"]) {
      if (key !== own["the admin key"] && path === "/v1/webhooks/secret") continue;
      await caller.call(origin, path, { key });
    }
    await caller.call(origin, images, { key: own["the admin key"], body: { model: "scripted", prompt: key } });
    const admin = own["the admin key"];
    for (const path of [
      `/admin/keys/${key}`,
      `/admin/keys?tenant=${key}`,
      `/admin/tenants/${key}/usage`,
      `/v1/usage?key=${key}`,
    ]) {
      await caller.call(origin, path, { key: admin });
    }
    for (const body of [
      { tenant: key, name: "x" },
      { tenant: "x", name: key },
      { tenant: "x", name: "y", models: [key] },
    ]) {
      await ask("/admin/keys", body);
    }
    await ask(`/admin/ledger/${key}/export`, {});
    await caller.sendBytes(origin, `${key}\r\n\r\n`);
    await caller.sendBytes(origin, `GET /v1/models HTTP/1.1\r\n${key}: a\u0001\r\n\r\n`);
    await caller.sendBytes(
      origin,
      `GET / HTTP/1.1\r\nauthorization: Bearer ${key}\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
    );
  }
}

/** A caller's own words with a key in them: it says so to itself alone. Returns the key, which was never made. */
export async function tellInOwnContent({ caller, origin, receiver }: ExposedStack, key: string): Promise<string> {
  const told = newApiKey();
  const job = { metadata: { [told]: told }, webhook: `${receiver.url}?key=${told}` };
  for (const [model, script] of [
    ["dall-e-3", ""],
    ["scripted", ""],
    ["scripted", "[sandbox:fail=moderation_blocked]"],
    ["doubao-seedream-3-0-t2i", ""],
  ]) {
    const body = { model, prompt: `a sign that says ${told} ${script}`, user: told, safety_identifier: told, job };
    await caller.call(origin, images, { key, body });
  }
  await caller.call(origin, "/v1/generations", { key });
  return told;
}

/** Has the upstreams repeat what they were sent, with the keys that they were sent. */
export async function hearEchoes({ caller, origin, own, openai, ark }: ExposedStack, key: string) {
  let calls = 0;
  // Each another: an equal request may be given the generation of one that was not waited for.
  const call = (model: string) => caller.call(origin, images, { key, body: { model, prompt: `a cat ${calls++}` } });
  for (const echo of [...echoes(own["the OpenAI key"]), ...echoes(own["the gateway's key"])]) {
    openai.next(echo);
    await call("dall-e-2");
  }
  for (const echo of echoes(own["the Ark key"])) {
    ark.next(echo);
    await call("doubao-seedream-3-0-t2i");
  }
}

/** Starts processes with secrets where their hash, or something else, is wanted. Returns what they say before they end. */
export async function startWithMistakes({ own, secrets, redis }: ExposedStack): Promise<string[]> {
  const password = newApiKey().slice(12);
  secrets["the password of Redis"] = password;
  const key = own["the admin key"];
  const whole = {
    REDIS_URL: redis.url,
    // A password that is not required is no mistake to Redis: the worker that brings it must find nothing to do.
    QUEUE_PREFIX: "elsewhere",
    STORAGE: "memory",
    PUBLIC_BASE_URL: "http://127.0.0.1:1",
    LINK_SIGNING_SECRET: own["the link signing secret"],
    LOG_LEVEL: "debug",
    ADMIN_KEY_SHA256: hashApiKey(key),
  };
  const ofApi: Record<string, string>[] = [
    { API_KEYS: key },
    { API_KEYS: `acme:test:${key}` },
    { API_KEYS: `${key}:test:${hashApiKey(key)},x` },
    { ADMIN_KEY_SHA256: key },
  ];
  const ofWorker: Record<string, string>[] = [
    { OPENAI_EXTRA_HEADERS: key },
    { OPENAI_EXTRA_HEADERS: JSON.stringify({ [key]: key, "x y": key }) },
    { OPENAI_BASE_URL: `ftp://user:${key}@127.0.0.1` },
  ];
  const ofBoth: Record<string, string>[] = [
    { PUBLIC_BASE_URL: key },
    { STORAGE: key },
    { WEBHOOK_SIGNING_SECRET: key.slice(0, 31) },
    { LINK_SIGNING_SECRET: key.slice(0, 31) },
    { REDIS_URL: `redis://:${password}@127.0.0.1:${await freePort()}` },
    { REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}` },
    { REDIS_URL: `http://:${password}@127.0.0.1` },
  ];
  const mistakes = [
    ...ofApi.map((mistake) => ({ entries: [api], mistake })),
    ...ofWorker.map((mistake) => ({ entries: [worker], mistake })),
    ...ofBoth.map((mistake) => ({ entries: [api, worker], mistake })),
  ];
  const lines: string[] = [];
  for (const { entries, mistake } of mistakes) {
    const services = entries.map((entry) => startService(entry, { ...whole, PORT: "0", ...mistake }));
    // One that goes on trying to reach its Redis has said what there is to say.
    const timer = setTimeout(() => void Promise.all(services.map((service) => service.end("SIGKILL"))), lookMs);
    await Promise.all(services.map(({ exited }) => exited));
    clearTimeout(timer);
    lines.push(...services.flatMap((service) => service.lines));
  }
  return lines;
}

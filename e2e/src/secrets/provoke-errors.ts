import { createHmac } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ErrorCode } from "@darkroom/contracts";
import { expect } from "vitest";
import type { ExposedStack } from "./exposed-stack.ts";
import type { Answer } from "./recording-caller.ts";

const images = "/v1/images/generations";
const drawing = { model: "scripted", prompt: "a cat" };
const scripted = (script: string) => ({ model: "scripted", prompt: `a cat [sandbox:${script}]` });
const later = { prefer: "respond-async" };
const idOf = ({ headers }: Answer) => String(headers["x-generation-id"]);

/**
 * For every code of the table a way to be answered with it, secrets in the request where they fit. A new code has to be given one:
 * the type wants it.
 */
export function waysToFail(stack: ExposedStack, good: string): Record<ErrorCode, () => Promise<unknown>> {
  const { caller, origin, own, makeKey, openai } = stack;
  const post = (body: object | string, headers: Record<string, string> = {}, key = good) =>
    caller.call(origin, images, { key, body, headers });
  /** The lane takes one at a time: who waits on the line is not to wait for what others have left on it. */
  const ended = (id: string) =>
    caller.call(origin, `/v1/generations/${id}`, { key: good, headers: { prefer: "wait=30" } });
  const limited = async (name: string, settings: object) => (await makeKey(name, settings)).key;

  return {
    invalid_request_error: () => post({ ...drawing, size: good }),
    content_policy_violation: () => post(scripted("fail=content_policy_violation")),
    moderation_blocked: () => post(scripted("fail=moderation_blocked")),
    billing_hard_limit_reached: () => {
      openai.next({ status: 402, body: { error: { message: `The account of ${own["the OpenAI key"]} is empty.` } } });
      // Of its own, as below: an equal request is given the answer of the first.
      return post({ prompt: "a cat on an empty account", model: "dall-e-2" });
    },
    invalid_api_key: () => post(drawing, {}, `${good}x`),
    permission_denied: () => caller.call(origin, "/admin/keys", { key: good }),
    model_not_allowed: async () => post(drawing, {}, await limited("one-model", { models: ["dall-e-3"] })),
    model_unpriced: async () => {
      // The author of an SVG, for whom there is no price.
      const svg = { model: "gpt-image-2.6-flare", size: "1024x1024", output_format: "svg", svg: { model: "gpt-9" } };
      return post({ ...drawing, ...svg }, {}, await limited("no-price", { budget: { total: 1_000_000 } }));
    },
    invalid_link: () => caller.call(origin, `/images/acme/0.png?expires=9999999999&signature=${good}`),
    not_found: () => caller.call(origin, `/v1/generations/${good}`, { key: good }),
    expired: () => {
      const signature = createHmac("sha256", own["the link signing secret"])
        .update("acme/0.png\n9")
        .digest("base64url");
      return caller.call(origin, `/images/acme/0.png?expires=9&signature=${signature}`);
    },
    method_not_allowed: () => caller.call(origin, `/v1/generations/${good}`, { method: "PUT", key: good }),
    // Ten seconds and up to five more: Node looks for slow requests now and then.
    request_timeout: () =>
      caller.sendBytes(origin, `GET /v1/models HTTP/1.1\r\nauthorization: Bearer ${good}\r\nx-slow: `),
    conflict: async () => {
      const id = idOf(await post(drawing));
      return caller.call(origin, `/v1/generations/${id}/cancel`, { method: "POST", key: good });
    },
    images_gone: async () => {
      const id = idOf(await post(drawing));
      await rm(join(stack.images, "objects/_images", id), { recursive: true });
      return caller.call(origin, `/v1/generations/${id}?response_format=b64_json`, { key: good });
    },
    payload_too_large: () => post({ ...drawing, user: good.repeat(30_000) }),
    unsupported_media_type: () => post(`key=${good}`, { "content-type": `text/${good}` }),
    idempotency_mismatch: async () => {
      await post(drawing, { "idempotency-key": good });
      return post({ ...drawing, prompt: "a dog" }, { "idempotency-key": good });
    },
    rate_limit_exceeded: async () => {
      const key = await limited("slow", { limits: { requests_per_minute: 1 } });
      await post(drawing, later, key);
      return post(drawing, later, key);
    },
    concurrency_limit_exceeded: async () => {
      const key = await limited("narrow", { limits: { concurrent_generations: 1 } });
      const held = idOf(await post(scripted("delay=500"), later, key));
      await post(drawing, later, key);
      return ended(held);
    },
    queue_full: async () => {
      const key = await limited("short", { limits: { queued_generations: 1 } });
      const first = idOf(await post(scripted("delay=1500"), later));
      const status = async () => String((await caller.call(origin, `/v1/generations/${first}`, { key: good })).body);
      await expect.poll(status).toContain('"running"');
      const second = idOf(await post(drawing, later, key));
      await post(drawing, later, key);
      return ended(second);
    },
    insufficient_quota: async () => post(drawing, later, await limited("poor", { budget: { total: 1 } })),
    server_error: () => post(scripted("fail=server_error")),
    upstream_error: () => {
      openai.next({ status: 401, body: `Bearer ${own["the OpenAI key"]} is wrong` });
      return post({ ...drawing, model: "dall-e-2" });
    },
    // The last of them: nothing works any more.
    overloaded: async () => {
      await stack.redis.kill();
      return post(drawing);
    },
    // A worker that holds it when Redis goes holds it for as long as it may.
    timeout_error: async () => ended(idOf(await post(scripted("delay=8000")))),
  };
}

/** `Authorization` as people get it wrong, each with a key of value in it. */
export const wrongAuthorizations = (key: string): Record<string, string>[] => [
  { authorization: key },
  { authorization: `bearer:${key}` },
  { authorization: `Bearer ${key} ${key}` },
  { authorization: `Bearer ${key},${key}` },
  { authorization: `Bearer "${key}"` },
  { authorization: `Bearer ${key}${key}${key}${key}${key}${key}${key}` },
  { authorization: `Basic ${Buffer.from(`user:${key}`).toString("base64")}` },
  { authorization: `Token ${key}` },
  { authorization: `Bearer ${encodeURIComponent(`${key}=`)}` },
  { "x-api-key": key },
  { "api-key": key },
  { cookie: `key=${key}` },
  { "proxy-authorization": `Bearer ${key}` },
  { [key]: "x" },
];

/** Requests with a key in a place where none belongs: the path as it is called, and what is sent. */
export const misplacedKeys = (
  key: string,
): { path: string; body?: object | string; headers?: Record<string, string> }[] => [
  { path: `/v1/models?api_key=${key}` },
  { path: `/v1/generations?after=${key}` },
  { path: `/v1/generations?${key}=1` },
  { path: `/v1/generations?status=${key}` },
  { path: `/v1/generations?limit=${key}` },
  { path: `/v1/usage?from=${key}` },
  { path: `/v1/usage?group_by=${key}` },
  { path: `/v1/webhooks/deliveries?after=${key}` },
  { path: `/v1/webhooks/deliveries?status=${key}` },
  { path: `/v1/models/${key}` },
  { path: `/v1/models/%20${key}` },
  { path: `/v1/models/%2F${key}` },
  { path: `/v1/models/${encodeURIComponent(`\n${key}`)}` },
  { path: `/v1/generations/${key}` },
  { path: `/v1/generations/${key}/events` },
  { path: `/${key}` },
  { path: `/v1/${key}/images?key=${key}` },
  { path: `/%zz${key}` },
  { path: `/images/${key}/0.png` },
  {
    path: "/v1/models",
    headers: { "x-client-request-id": key, "user-agent": key, "x-forwarded-for": key, prefer: key },
  },
  { path: images, body: key },
  { path: images, body: `{"prompt": "${key}` },
  { path: images, body: [key] },
  { path: images, body: { ...drawing, [key]: 1 } },
  { path: images, body: { ...drawing, [`x_${key}`]: 1 } },
  { path: images, body: { ...drawing, job: { [key]: 1 } } },
  { path: images, body: { ...drawing, api_key: key } },
  { path: images, body: { ...drawing, model: key } },
  { path: images, body: { ...drawing, size: key } },
  { path: images, body: { ...drawing, n: key } },
  { path: images, body: { ...drawing, response_format: key } },
  { path: images, body: { ...drawing, quality: key } },
  { path: images, body: { ...drawing, user: key.repeat(12) } },
  { path: images, body: { ...drawing, job: { metadata: { [key.repeat(2)]: "x" } } } },
  { path: images, body: { ...drawing, job: { webhook: key } } },
  { path: images, body: { ...drawing, job: { webhook: `https://user:${key}@example.com/` } } },
  { path: images, body: { ...drawing, job: { webhook: `${key}://example.com/` } } },
  { path: images, body: drawing, headers: { "idempotency-key": key } },
  { path: images, body: drawing, headers: { "idempotency-key": `"${key}` } },
  { path: images, body: drawing, headers: { "content-type": key } },
];

/** What an upstream may answer with that repeats what it was sent, secrets and all. */
export const echoes = (secret: string): { status: number; headers?: Record<string, string>; body: unknown }[] => [
  { status: 401, body: { error: { message: `Incorrect API key provided: ${secret}.`, code: "invalid_api_key" } } },
  { status: 403, body: `<html>Authorization: Bearer ${secret}</html>`, headers: { "content-type": "text/html" } },
  { status: 400, body: { error: { message: `Header Authorization: Bearer ${secret} refused`, param: secret } } },
  { status: 400, body: { error: { message: "no", code: secret, type: secret } } },
  { status: 400, body: { error: secret }, headers: { "x-request-id": secret, [secret.toLowerCase()]: secret } },
  {
    status: 400,
    body: {
      error: { message: secret, code: "moderation_blocked", moderation_details: { categories: [secret] } },
    },
  },
  { status: 200, body: { data: [{ url: `http://127.0.0.1:1/${secret}` }], [secret]: secret } },
  { status: 200, body: secret, headers: { "content-type": `text/${secret}` } },
  { status: 302, body: "", headers: { location: `http://127.0.0.1:1/?key=${secret}` } },
];

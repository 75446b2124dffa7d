import { newApiKey } from "@darkroom/accounts";
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { openStack, type Stack } from "./stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

/** The SDK as it comes, which retries twice where it believes that it may, and how many requests it has sent. */
function countedClient(apiKey = stack.apiKey) {
  const sent = { requests: 0 };
  const client = new OpenAI({
    baseURL: `${stack.origin}/v1`,
    apiKey,
    fetch: (...request) => {
      sent.requests++;
      return fetch(...request);
    },
  });
  return { client, sent };
}

const providerCalls = () =>
  stack.workers.flatMap(({ lines }) => lines).filter((line) => line.includes("The provider is called")).length;

type Request = OpenAI.Images.ImageGenerateParamsNonStreaming;
const good: Request = { model: "dall-e-2", prompt: "A cat", size: "256x256" };

describe("400 BadRequestError, sent once, and no provider is called", () => {
  const cases: [string, Request, string][] = [
    ["an unknown model", { ...good, model: "dall-e-9" }, "model"],
    ["a size that the model has not", { ...good, size: "1792x1024" }, "size"],
    ["an empty prompt", { ...good, prompt: "" }, "prompt"],
    ["a prompt over the model's limit", { ...good, prompt: "x".repeat(1_001) }, "prompt"],
    ["two images of dall-e-3", { model: "dall-e-3", prompt: "A cat", n: 2 }, "n"],
    ["a parameter of another model", { ...good, background: "transparent" }, "background"],
    ["eleven images", { ...good, n: 11 }, "n"],
  ];
  test.each(cases)("%s", async (_what, request, param) => {
    const before = providerCalls();
    const { client, sent } = countedClient();
    const error = await client.images.generate(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error", code: "invalid_request_error", param });
    expect(error).toHaveProperty("requestID", expect.stringMatching(/./));
    expect(sent.requests).toBe(1);
    expect(providerCalls()).toBe(before);
  });
});

describe("401 AuthenticationError, sent once", () => {
  test.each([
    ["an unknown key", newApiKey()],
    ["a key that is none", "sk-proj-something-else"],
  ])("%s", async (_what, apiKey) => {
    const { client, sent } = countedClient(apiKey);
    const error = await client.images.generate(good).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ type: "authentication_error", code: "invalid_api_key" });
    expect(String(error)).not.toContain(apiKey);
    expect(sent.requests).toBe(1);
  });
});

describe("404 NotFoundError, sent once", () => {
  test.each([
    ["a model that is not served", (client: OpenAI) => client.models.retrieve("dall-e-9")],
    ["a route that is not there", (client: OpenAI) => client.get("/assistants")],
  ])("%s", async (_what, ask) => {
    const { client, sent } = countedClient();
    const error = await Promise.resolve(ask(client)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ type: "invalid_request_error", code: "not_found" });
    expect(sent.requests).toBe(1);
  });
});

describe("what a provider answered for good is final for the SDK, too: sent once, bought once", () => {
  // A case's name is the code that the caller sees; the sandbox fails as the prompt says.
  test.each([
    ["content_policy_violation", BadRequestError],
    ["moderation_blocked", BadRequestError],
    ["insufficient_quota", RateLimitError],
    ["upstream_error", InternalServerError],
    ["timeout_error", InternalServerError],
  ])("%s", async (code, errorClass) => {
    const before = providerCalls();
    const { client, sent } = countedClient();
    const request = { ...good, prompt: `A cat [sandbox:fail=${code}]` };
    const error = await client.images.generate(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toHaveProperty("code", code);
    expect(sent.requests).toBe(1);
    // The log comes by another pipe than the answer.
    await expect.poll(providerCalls).toBe(before + 1);
  });
});

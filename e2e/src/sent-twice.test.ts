import { readFileSync } from "node:fs";
import { startFakeOpenAi } from "@darkroom/testing";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { blocksIn } from "./labelled-blocks.ts";
import { measureImage } from "./measure-image.ts";
import { runProgram } from "./run-program.ts";
import { startStack } from "./stack.ts";

const request = { model: "dall-e-2", prompt: "a cat", size: "256x256", response_format: "b64_json" } as const;

async function stackWithUpstream(apis: number) {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 2_000 });
  const environment = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl };
  return { upstream, stack: await startStack({ apis, environment }) };
}

test("the SDK's own retries after its own timeout get the image of the first try: one provider call", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const stack = await startStack({ environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl } });
  // The image is drawn when the second try has been sent. Until the third gives up there is much more time than that takes.
  let tries = 0;
  const secondTry = Promise.withResolvers<void>();
  upstream.next({ after: secondTry.promise });
  const openai = new OpenAI({
    baseURL: `${stack.origin}/v1`,
    apiKey: stack.apiKey,
    timeout: 5_000,
    fetch: (...call) => {
      tries++;
      if (tries === 2) secondTry.resolve();
      return fetch(...call);
    },
  });
  const { data } = await openai.images.generate(request);
  expect(await measureImage(data?.[0]?.b64_json ?? "")).toMatchObject({ size: "256x256" });
  expect(tries).toBeGreaterThanOrEqual(2);
  expect(upstream.requests).toHaveLength(1);
});

test("fifty duplicates of one idempotency key over two api processes are one provider call and one answer", async () => {
  const { upstream, stack } = await stackWithUpstream(2);
  const clients = stack.apis.map(({ origin }) => new OpenAI({ baseURL: `${origin}/v1`, apiKey: stack.apiKey }));
  const ask = (openai: OpenAI) => openai.images.generate(request, { headers: { "Idempotency-Key": "order-17" } });
  const answers = await Promise.all(Array.from({ length: 25 }, () => clients.map(ask)).flat());
  expect(answers).toHaveLength(50);
  expect(upstream.requests).toHaveLength(1);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
});

test("the example in the document of the HTTP API prints what it says", async () => {
  const document = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  const example = blocksIn("sh", document).find((block) => block.includes("Idempotency-Key: order-17")) ?? "";
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  // Longer than the example's first call and its backoff, so that the second call finds the generation under way.
  upstream.next({ delayMs: 6_000 });
  const stack = await startStack({
    environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl, DEFAULT_RESPONSE_FORMAT: "url" },
  });
  const printed = await runProgram("bash", [], {
    input: example.replace("http://127.0.0.1:4000", stack.origin),
    environment: { API_KEY: stack.apiKey },
  });
  const names = new Map<string, string>();
  const lines = printed
    .trim()
    .split("\n")
    .map((line) =>
      line
        .trim()
        .replace(
          /gen_[0-9a-z]{26}/,
          (id) => names.get(id) ?? (names.set(id, `gen_${"ABC"[names.size]}`), names.get(id) ?? ""),
        ),
    );
  const promised = [...example.matchAll(/^ask .*# (\d+)( gen_\w)?( true)?: /gm)].map(([, ...words]) => words.join(""));
  expect(promised).toHaveLength(5);
  expect(lines).toEqual(promised);
  expect(upstream.requests).toHaveLength(3);
});

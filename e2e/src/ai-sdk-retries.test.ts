import { connect, createServer } from "node:net";
import { createOpenAI } from "@ai-sdk/openai";
import { type Behaviour, listeningPort, startFakeOpenAi } from "@darkroom/testing";
import { generateImage } from "ai";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { measureImage } from "./measure-image.ts";
import { hasNginx, startNginx } from "./nginx.ts";
import { openStack, type Stack } from "./stack.ts";

let upstream: Awaited<ReturnType<typeof startFakeOpenAi>>;
let stack: Stack;
beforeAll(async () => {
  upstream = await startFakeOpenAi();
  const environment = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl };
  stack = await openStack({ environment });
  return async () => {
    await stack.close();
    await upstream.close();
  };
});
beforeEach(() => upstream.reset());

/** A prompt for each: an equal request would get the generation of the one before. */
let drawn = 0;

/**
 * With its default of two retries, about 2 and 4 s apart, whatever `x-should-retry` says and without a count. `onAnswer` is told how many tries
 * have been answered.
 */
const draw = (origin: string, onAnswer: (tries: number) => void = () => {}) => {
  const prompt = `Lighthouse ${++drawn}`;
  let tries = 0;
  const openai = createOpenAI({
    baseURL: `${origin}/v1`,
    apiKey: stack.apiKey,
    fetch: async (...call) => {
      const answer = await fetch(...call);
      onAnswer(++tries);
      return answer;
    },
  });
  return generateImage({ model: openai.image("gpt-image-1-mini"), prompt, size: "1024x1024" });
};

/** Another api on the same queue, which lets a caller wait for four seconds. */
const startImpatientApi = () => stack.startApi({ SYNC_TIMEOUT_MS: "4000" });

/** A promise that resolves once so many tries have been answered, and what tells it. */
function afterTries(count: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { after: promise, onAnswer: (tries: number) => void (tries === count && resolve()) };
}

/** Passes each connection on to the first of some servers that takes it, as a load balancer does. Returns its origin. */
async function startBalancer(origins: readonly string[]): Promise<string> {
  const server = createServer((client) => {
    client.on("error", () => {});
    const tryNext = ([origin = "", ...others]: readonly string[]): void => {
      if (origin === "") {
        client.destroy();
        return;
      }
      const { hostname, port } = new URL(origin);
      const behind = connect({ host: hostname, port: Number(port) });
      behind.once("connect", () => {
        client.pipe(behind).pipe(client);
        client.once("close", () => behind.destroy());
        behind.once("close", () => client.destroy());
      });
      behind.once("error", () => (behind.bytesRead + behind.bytesWritten === 0 ? tryNext(others) : client.destroy()));
    };
    tryNext(origins);
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${port}`;
}

const picture = { size: "1024x1024", format: "png" };

describe("the AI SDK buys once", () => {
  test("from an upstream that is slower than a caller may wait: a 504, and the image at its next try", async () => {
    const { after, onAnswer } = afterTries(1);
    upstream.always({ after });
    const { image } = await draw((await startImpatientApi()).origin, onAnswer);
    expect(await measureImage(image.base64)).toMatchObject(picture);
    expect(upstream.requests).toHaveLength(1);
  });

  test.each<[string, Behaviour]>([
    ["sends something that is no image", { imageFault: "garbage" }],
    ["cuts the line", { connection: "cut" }],
    ["is behind a gateway that gives up on it", { status: 524, body: "<html>A timeout occurred</html>" }],
  ])("from an upstream that %s: the same error at each of three tries", async (_, behaviour) => {
    upstream.always(behaviour);
    await expect(draw(stack.origin)).rejects.toThrow("Failed after 3 attempts");
    expect(upstream.requests).toHaveLength(1);
  });

  test("from an upstream that is busy for longer than a caller may wait: one image is drawn", async () => {
    const { origin } = await startImpatientApi();
    const busy: Behaviour = {
      status: 429,
      headers: { "retry-after": "5" },
      body: { error: { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded", param: null } },
    };
    upstream.next(busy);
    const { image } = await draw(origin);
    expect(await measureImage(image.base64)).toMatchObject(picture);
    // A refusal, for which no provider charges, and one image.
    expect(upstream.requests).toHaveLength(2);
  });

  test("though the api process that it waits at is killed", async () => {
    upstream.always({ delayMs: 4_000 });
    const dying = await stack.startApi();
    const drawing = draw(await startBalancer([dying.origin, stack.origin]));
    await expect.poll(() => upstream.requests.length).toBe(1);
    await dying.end("SIGKILL");
    const { image } = await drawing;
    expect(await measureImage(image.base64)).toMatchObject(picture);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe.skipIf(!(await hasNginx()))("behind an nginx that reads for four seconds", () => {
  test("the AI SDK buys once, and has the image at its third try", async () => {
    const { after, onAnswer } = afterTries(2);
    upstream.always({ after });
    const { image } = await draw(await startNginx(stack.origin, 4), onAnswer);
    expect(await measureImage(image.base64)).toMatchObject(picture);
    expect(upstream.requests).toHaveLength(1);
  });
});

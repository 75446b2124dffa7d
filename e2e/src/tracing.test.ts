import { randomBytes } from "node:crypto";
import { startFakeOpenAi } from "@darkroom/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { drawTrace, type SpanCollector, startSpanCollector } from "./span-collector.ts";
import { everythingInRedis } from "./secrets/read-everything.ts";
import { openStack, type Stack, startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const request = { model: "dall-e-2", size: "256x256", response_format: "url" };

const tracingTo = (collector: Pick<SpanCollector, "url">) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  // Spans are sent at once, so that no test waits for them.
  OTEL_BSP_SCHEDULE_DELAY: "20",
});

const webhooks = {
  WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
  WEBHOOK_ALLOW_PRIVATE: "true",
  WEBHOOK_ALLOW_INSECURE: "true",
};

async function startCollector() {
  const collector = await startSpanCollector();
  onTestFinished(() => collector.close());
  return collector;
}

/** A span of a caller's own, as its request names it. */
function callersSpan(flags = "01") {
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

const headersOf = (stack: Pick<Stack, "apiKey">, more: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json", ...more },
});

/** The lines of a log that name this id, as objects. */
const linesOf = (services: readonly { lines: readonly string[] }[], id: string): Record<string, unknown>[] =>
  services.flatMap(({ lines }) => lines.filter((line) => line.includes(id)).map((line) => JSON.parse(line)));

describe("with a collector", () => {
  let stack: Stack;
  let collector: SpanCollector;
  beforeAll(async () => {
    collector = await startSpanCollector();
    stack = await openStack({ environment: { ...tracingTo(collector), ...webhooks } });
    return async () => {
      await stack.close();
      await collector.close();
    };
  });

  const ofGeneration = (id: string) =>
    collector.spans.filter(({ attributes }) => attributes["darkroom.generation.id"] === id);

  /** Waits until the trace of a generation is this, as `drawTrace` draws it. Answers its spans by name. */
  async function expectTrace(id: string, lines: readonly string[]) {
    const traceId = () => ofGeneration(id).find(({ kind }) => kind === "producer")?.traceId ?? "";
    await expect.poll(() => drawTrace(collector.spans, traceId()), { timeout: 10_000 }).toEqual(lines);
    const spans = collector.spans.filter((span) => span.traceId === traceId());
    return { traceId: traceId(), spans, named: (name: string) => spans.filter((span) => span.name === name) };
  }

  const idOf = (answer: Response) => answer.headers.get("x-generation-id") ?? "";

  test("a request is one trace, from the caller's span through the queue to the provider, the store and the webhook", async () => {
    const receiver = await startWebhookReceiver();
    onTestFinished(() => receiver.close());
    const caller = callersSpan();
    const answer = await stack.generate(
      { ...request, prompt: "a secret lighthouse", job: { webhook: receiver.url } },
      headersOf(stack, { traceparent: caller.traceparent, tracestate: "shop=17" }),
    );
    expect(answer.status).toBe(200);
    const id = idOf(answer);
    const { traceId, named, spans } = await expectTrace(id, [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive",
      "      client generate_content dall-e-2",
      "      client store put",
      "    client POST",
      "  internal wait for ending",
    ]);

    expect(traceId).toBe(caller.traceId);
    const [server] = named("POST /v1/images/generations");
    expect(server).toMatchObject({
      parentSpanId: caller.spanId,
      traceState: "shop=17",
      resource: { "service.name": "darkroom-api" },
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/images/generations",
        "http.response.status_code": 200,
        "darkroom.tenant": "acme",
        "darkroom.generation.id": id,
      },
    });
    expect(named("process openai.interactive")[0]).toMatchObject({
      resource: { "service.name": "darkroom-worker" },
      attributes: { "darkroom.attempt": 1, "darkroom.outcome": "succeeded", "messaging.message.id": id },
    });
    expect(named("generate_content dall-e-2")[0]?.attributes).toMatchObject({
      "gen_ai.operation.name": "generate_content",
      "gen_ai.provider.name": "sandbox",
      "gen_ai.request.model": "dall-e-2",
      "gen_ai.output.type": "image",
      "darkroom.images.delivered": 1,
    });
    const [webhook] = receiver.received;
    expect(webhook?.headers).toMatchObject({
      traceparent: `00-${traceId}-${named("POST")[0]?.spanId}-01`,
      tracestate: "shop=17",
    });
    expect(JSON.stringify(spans, (_key, value: unknown) => (typeof value === "bigint" ? "" : value))).not.toContain(
      "secret lighthouse",
    );

    // Every line of both processes about the generation leads to its trace.
    const lines = linesOf([...stack.apis, ...stack.workers], id);
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => line["trace_id"] !== traceId)).toEqual([]);
  });

  test("a generation that nobody waits for goes on in the trace of its request", async () => {
    const answer = await stack.generate(
      { ...request, prompt: "a harbour" },
      headersOf(stack, { prefer: "respond-async" }),
    );
    expect(answer.status).toBe(202);
    await expectTrace(idOf(answer), [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive",
      "      client generate_content dall-e-2",
      "      client store put",
    ]);
  });

  test("a stream has the wait, and the read of the image that it sends", async () => {
    const answer = await stack.generate({
      model: "gpt-image-2",
      size: "1024x1024",
      quality: "low",
      prompt: "a fishing boat",
      stream: true,
    });
    expect(await answer.text()).toContain("image_generation.completed");
    await expectTrace(idOf(answer), [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive",
      "      client generate_content gpt-image-2",
      "      client store put",
      "  internal wait for ending",
      "  client store get",
    ]);
  });

  test("each attempt is a span of its own beside the others", async () => {
    const answer = await stack.generate({ ...request, prompt: "a bird [sandbox:fail=503,times=1]" });
    expect(answer.status).toBe(200);
    const { named } = await expectTrace(idOf(answer), [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive ! overloaded",
      "      client generate_content dall-e-2 ! overloaded",
      "    consumer process openai.interactive",
      "      client generate_content dall-e-2",
      "      client store put",
      "  internal wait for ending",
    ]);
    const attempts = named("process openai.interactive").map(({ attributes }) => [
      attributes["darkroom.attempt"],
      attributes["darkroom.outcome"],
    ]);
    expect(attempts).toEqual([
      [1, "retry"],
      [2, "succeeded"],
    ]);
  });

  test("a refusal for the content fails the attempt, and not the request", async () => {
    const answer = await stack.generate({ ...request, prompt: "a fish [sandbox:fail=moderation_blocked]" });
    expect(answer.status).toBe(400);
    const { named } = await expectTrace(idOf(answer), [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive ! moderation_blocked",
      "      client generate_content dall-e-2 ! moderation_blocked",
      "  internal wait for ending",
    ]);
    expect(named("POST /v1/images/generations")[0]?.attributes).toMatchObject({
      "http.response.status_code": 400,
      "darkroom.error.code": "moderation_blocked",
    });
  });

  test("a cancellation ends the attempt, and the request that cancels is a trace of its own", async () => {
    const answer = await stack.generate(
      { ...request, prompt: "a slow boat [sandbox:delay=60000]" },
      headersOf(stack, { prefer: "respond-async" }),
    );
    const id = idOf(answer);
    const read = async () => (await fetch(`${stack.origin}/v1/generations/${id}`, headersOf(stack))).json();
    await expect.poll(read, { timeout: 10_000 }).toMatchObject({ status: "running" });
    const canceled = await fetch(`${stack.origin}/v1/generations/${id}/cancel`, {
      method: "POST",
      ...headersOf(stack),
      body: "{}",
    });
    expect(canceled.status).toBe(200);
    const { traceId } = await expectTrace(id, [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive ! canceled",
      "      client generate_content dall-e-2 ! canceled",
    ]);
    const cancel = ofGeneration(id).find(({ name }) => name === "POST /v1/generations/:id/cancel");
    expect(cancel?.traceId).not.toBe(traceId);
  });

  test("a retry by the owner goes on in the first trace, to which the request for it has a link", async () => {
    const first = await stack.generate({ ...request, prompt: "a whale [sandbox:fail=moderation_blocked,times=1]" });
    const id = idOf(first);
    const retried = await fetch(`${stack.origin}/v1/generations/${id}/retry`, {
      method: "POST",
      ...headersOf(stack),
      body: "{}",
    });
    expect(retried.status).toBe(202);
    const { traceId } = await expectTrace(id, [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive ! moderation_blocked",
      "      client generate_content dall-e-2 ! moderation_blocked",
      "    consumer process openai.interactive",
      "      client generate_content dall-e-2",
      "      client store put",
      "  internal wait for ending",
    ]);
    await expect
      .poll(() => ofGeneration(id).find(({ name }) => name.endsWith("/retry"))?.links)
      .toMatchObject([{ traceId }]);
  });

  test("an equal request that gets an earlier generation has a link to its trace", async () => {
    const body = { ...request, prompt: "a seal" };
    const [first, second] = [
      await stack.generate(body, headersOf(stack, { "idempotency-key": "one seal" })),
      await stack.generate(body, headersOf(stack, { "idempotency-key": "one seal" })),
    ];
    const id = idOf(first);
    expect(idOf(second)).toBe(id);
    await expect.poll(() => ofGeneration(id).filter(({ kind }) => kind === "server").length).toBe(2);
    const [made, found] = ofGeneration(id).filter(({ kind }) => kind === "server");
    expect(found?.traceId).not.toBe(made?.traceId);
    expect(found?.links).toMatchObject([{ traceId: made?.traceId }]);
  });

  test("each line of a batch is a trace of its own with a link to that of the batch", async () => {
    const client = stack.openai();
    const { id } = await untilEnded(client, (await createBatch(client, numberedLines(2))).id);
    const ofBatch = () => collector.spans.filter(({ attributes }) => attributes["darkroom.batch.id"] === id);
    const batchTrace = () => ofBatch().find(({ name }) => name === "send batches")?.traceId ?? "";
    await expect
      .poll(() => drawTrace(collector.spans, batchTrace()).filter((line) => !line.includes("store ")), {
        timeout: 10_000,
      })
      .toEqual([
        "server POST /v1/batches",
        "  producer send batches",
        "    consumer validate batch",
        "    consumer finalize batch",
      ]);
    const lines = ofBatch().filter(({ name }) => name === "send openai.batch");
    expect(lines.map(({ attributes }) => attributes["darkroom.batch.line"])).toEqual([0, 1]);
    expect(new Set(lines.map(({ traceId }) => traceId)).size).toBe(2);
    for (const line of lines) {
      expect(line.links).toMatchObject([{ traceId: batchTrace() }]);
      await expectTrace(String(line.attributes["darkroom.generation.id"]), [
        "producer send openai.batch",
        "  consumer process openai.batch",
        "    client generate_content dall-e-2",
        "    client store put",
      ]);
    }
  });

  test("a request with a caller's flag that asks for no recording is recorded all the same", async () => {
    const caller = callersSpan("00");
    const answer = await stack.generate(
      { ...request, prompt: "a gull" },
      headersOf(stack, { traceparent: caller.traceparent }),
    );
    await expect.poll(() => ofGeneration(idOf(answer)).map(({ traceId }) => traceId)).toContain(caller.traceId);
  });

  test.each([
    ["words", "nonsense"],
    ["zeros", "00-00000000000000000000000000000000-0000000000000000-01"],
    ["too long", `00-${"a".repeat(5_000)}`],
  ])("a traceparent that is none is passed over: %s", async (what, traceparent) => {
    const answer = await stack.generate(
      { ...request, prompt: `a wave ${what}` },
      headersOf(stack, { traceparent, tracestate: "!!!\u00e9" }),
    );
    expect(answer.status).toBe(200);
    await expectTrace(idOf(answer), [
      "server POST /v1/images/generations",
      "  producer send openai.interactive",
      "    consumer process openai.interactive",
      "      client generate_content dall-e-2",
      "      client store put",
      "  internal wait for ending",
    ]);
  });

  test("probes have no span, and neither has what matches no route", async () => {
    await fetch(`${stack.origin}/healthz`);
    await fetch(`${stack.origin}/v1/nothing`, headersOf(stack));
    const id = idOf(await stack.generate({ ...request, prompt: "a buoy" }));
    await expect.poll(() => ofGeneration(id).filter(({ kind }) => kind === "server").length).toBe(1);
    const routes = collector.spans.map(({ attributes }) => attributes["http.route"]);
    expect(routes).not.toContain("/healthz");
    expect(collector.spans.filter(({ attributes }) => attributes["http.response.status_code"] === 404)).toEqual([]);
  });
});

describe("a provider over HTTP", () => {
  const upstream = startFakeOpenAi();
  afterAll(async () => (await upstream).close());

  async function drawOnce(environment: Record<string, string> = {}) {
    const fake = await upstream;
    fake.reset();
    fake.always({ as: "url" });
    const collector = await startCollector();
    const stack = await startStack({
      environment: {
        ...tracingTo(collector),
        OPENAI_API_KEY: "k-upstream",
        OPENAI_BASE_URL: fake.baseUrl,
        PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
        IMAGE_DECODING: "always",
        ...environment,
      },
    });
    const caller = callersSpan();
    const answer = await stack.generate(
      { ...request, prompt: "a private pier" },
      headersOf(stack, { traceparent: caller.traceparent }),
    );
    expect(answer.status).toBe(200);
    const draw = () => drawTrace(collector.spans, caller.traceId);
    await expect
      .poll(draw, { timeout: 10_000 })
      .toEqual([
        "server POST /v1/images/generations",
        "  producer send openai.interactive",
        "    consumer process openai.interactive",
        "      client generate_content dall-e-2",
        "        client POST",
        "        client GET",
        "        internal check image",
        "      client store put",
        "  internal wait for ending",
      ]);
    return { headers: fake.requests[0]?.headers ?? {}, caller, collector };
  }

  test("gets no context, and spans have neither the prompt nor the key", async () => {
    const { headers, collector } = await drawOnce();
    expect(headers).not.toHaveProperty("traceparent");
    const sent = collector.exports.map(({ body }) => body.toString()).join("");
    expect(sent).not.toMatch(/private pier|k-upstream/);
  });

  test("gets the context of its call, and spans have the prompt, where settings say so", async () => {
    const { headers, caller, collector } = await drawOnce({
      TRACE_PROVIDERS: "true",
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true",
    });
    const call = collector.spans.find(({ name, kind }) => name === "POST" && kind === "client");
    expect(headers["traceparent"]).toBe(`00-${caller.traceId}-${call?.spanId}-01`);
    const model = collector.spans.find(({ name }) => name.startsWith("generate_content"));
    expect(JSON.parse(String(model?.attributes["gen_ai.input.messages"]))).toEqual([
      { role: "user", parts: [{ type: "text", content: "a private pier" }] },
    ]);
  });
});

/** Has a process say which modules of OpenTelemetry it loads. prom-client loads the API, which is types and constants, for a feature that is not used. */
const tellModules = `data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from "node:module";
   registerHooks({ resolve(name, context, next) {
     if (name.startsWith("@opentelemetry/") && !context.parentURL?.includes("prom-client")) console.log("loads " + name);
     return next(name, context);
   } });`,
)}`;

test("without a setting nothing of OpenTelemetry is loaded, no line has a trace, and no record has a place in one", async () => {
  const stack = await startStack({ environment: { NODE_OPTIONS: `--import=${tellModules}` } });
  const answer = await stack.generate(
    { ...request, prompt: "a dune" },
    headersOf(stack, { traceparent: callersSpan().traceparent }),
  );
  expect(answer.status).toBe(200);
  const lines = [...stack.apis, ...stack.workers].flatMap((service) => service.lines);
  expect(lines.filter((line) => /@opentelemetry|trace_id/.test(line))).toEqual([]);
  const id = answer.headers.get("x-generation-id") ?? "";
  const record = (await everythingInRedis(stack.redis.url)).find(({ where }) => where.includes(`:generation:${id} `));
  expect(record?.bytes.toString()).toContain('"version"');
  expect(record?.bytes.toString()).not.toContain('"trace"');
});

test("spans go out as protobuf by default, with the operator's headers and attributes", async () => {
  const collector = await startCollector();
  const { OTEL_EXPORTER_OTLP_PROTOCOL: _json, ...environment } = tracingTo(collector);
  const stack = await startStack({
    environment: {
      ...environment,
      NODE_OPTIONS: `--import=${tellModules}`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-team=images,authorization=Bearer%20collector-key",
      OTEL_SERVICE_NAME: "pictures",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    },
  });
  await stack.generate({ ...request, prompt: "a cliff" });
  await expect.poll(() => collector.exports.length, { timeout: 10_000 }).toBeGreaterThan(1);
  const sent = Buffer.concat(collector.exports.map(({ body }) => body)).toString("latin1");
  for (const text of [
    "send openai.interactive",
    "process openai.interactive",
    "pictures",
    "deployment.environment.name",
  ]) {
    await expect
      .poll(() => Buffer.concat(collector.exports.map(({ body }) => body)).toString("latin1"), { timeout: 10_000 })
      .toContain(text);
  }
  expect(sent).not.toContain("darkroom-api");
  expect(collector.exports[0]).toMatchObject({
    url: "/v1/traces",
    headers: { "content-type": "application/x-protobuf", "x-team": "images", authorization: "Bearer collector-key" },
  });
  // The same listener as in the test without a setting: it does hear what is loaded.
  expect(stack.apis[0]?.lines.filter((line) => line.startsWith("loads @opentelemetry/")).length).toBeGreaterThan(0);
});

describe("a collector that is away", () => {
  test.each([
    ["refuses connections", async () => ({ url: "http://127.0.0.1:9" })],
    [
      "answers 503",
      async () => {
        const collector = await startCollector();
        collector.answerWith(503);
        return collector;
      },
    ],
    [
      "never answers",
      async () => {
        const collector = await startCollector();
        collector.answerWith("silence");
        return collector;
      },
    ],
  ])("%s: generations are drawn as ever, and both processes stop in time", async (_name, startAway) => {
    const environment = { ...tracingTo(await startAway()), OTEL_EXPORTER_OTLP_TIMEOUT: "500" };
    const stack = await startStack({ environment });
    for (let i = 0; i < 5; i++) {
      const answer = await stack.generate({ ...request, prompt: `a rock ${i}` });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    const services = [...stack.apis, ...stack.workers];
    const told = await Promise.all(services.map((service) => service.logged("The collector did not take spans")));
    expect(told.map((line) => line["trace_id"])).toEqual([undefined, undefined]);
    await Promise.all(services.map((service) => service.end("SIGTERM")));
    expect(await Promise.all(services.map((service) => service.exited))).toEqual([0, 0]);
    for (const { lines } of services) {
      expect(lines.filter((line) => line.includes("The collector did not take spans"))).toHaveLength(1);
    }
  });
});

test("the last spans are sent when a process stops", async () => {
  const collector = await startCollector();
  const stack = await startStack({ environment: { ...tracingTo(collector), OTEL_BSP_SCHEDULE_DELAY: "600000" } });
  const answer = await stack.generate({ ...request, prompt: "a cave" });
  expect(answer.status).toBe(200);
  expect(collector.spans).toEqual([]);
  await Promise.all([...stack.apis, ...stack.workers].map((service) => service.end("SIGTERM")));
  const traceId = collector.spans.find(({ kind }) => kind === "producer")?.traceId ?? "";
  expect(drawTrace(collector.spans, traceId)).toEqual([
    "server POST /v1/images/generations",
    "  producer send openai.interactive",
    "    consumer process openai.interactive",
    "      client generate_content dall-e-2",
    "      client store put",
    "  internal wait for ending",
  ]);
});

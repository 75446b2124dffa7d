import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { generationSchema, isEnding, webhookEventSchema } from "@darkroom/contracts";
import { createKeys, connectProducer, untilConnected } from "@darkroom/redis";
import { startFakeOpenAi } from "@darkroom/testing";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { chaosCallers, type Told } from "./chaos-callers.ts";
import { everyGeneration } from "./every-generation.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

/** A minute by its own command, `pnpm chaos`; a short form with all other tests. */
const seconds = Number(process.env["CHAOS_SECONDS"] ?? 12);
const callers = Number(process.env["CHAOS_CALLERS"] ?? 60);
/** Between the start of one process and the end of another. */
const killEveryMs = 1_000;

test(`${callers} callers while api and worker processes are killed at random for ${seconds} s: the history is whole`, async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 300 });
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const stack = await startStack({
    apis: 2,
    workers: 2,
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
      LOG_LEVEL: "info",
    },
  });
  const over = { at: performance.now() + seconds * 1_000 };
  const origins = stack.apis.map(({ origin }) => origin);
  const anyOrigin = () => origins[Math.floor(Math.random() * origins.length)] ?? stack.origin;

  async function killAtRandom(): Promise<number> {
    const apis = [...stack.apis];
    const workers = [...stack.workers];
    let kills = 0;
    while (performance.now() < over.at) {
      await pause(killEveryMs);
      const i = Math.floor(Math.random() * 2);
      kills++;
      if (Math.random() < 0.5) {
        const origin = apis[i]?.origin ?? stack.origin;
        await apis[i]?.end("SIGKILL");
        apis[i] = await stack.startApi({ PORT: new URL(origin).port, PUBLIC_BASE_URL: origin });
      } else {
        await workers[i]?.end("SIGKILL");
        workers[i] = await stack.startWorker();
      }
    }
    return kills;
  }

  async function call(kind: keyof typeof chaosCallers): Promise<Told[]> {
    const told: Told[] = [];
    const body = { model: "gpt-image-1", prompt: "a cat", output_format: "jpeg", job: { webhook: receiver.url } };
    // Twice at least, however few calls there is time for.
    while (performance.now() < over.at || told.length < 2) {
      told.push(await chaosCallers[kind]({ origin: anyOrigin, apiKey: stack.apiKey, body }));
    }
    return told;
  }

  const kinds = ["sync", "async", "stream"] as const;
  const [kills, ...histories] = await Promise.all([
    killAtRandom(),
    ...Array.from({ length: callers }, (_, i) => call(kinds[i % 3] ?? "sync")),
  ]);
  const history = histories.flat();

  // Every accepted id has exactly one ending; with no process left to kill, all that is still on its way arrives.
  await expect
    .poll(async () => (await everyGeneration(stack.redis.url)).filter(({ status }) => !isEnding(status)))
    .toEqual([]);
  const records = new Map((await everyGeneration(stack.redis.url)).map((record) => [record.id, record]));
  console.info(
    `${history.length} answers, ${records.size} generations, ${upstream.requests.length} provider calls, ${kills} kills`,
  );
  expect(history.length).toBeGreaterThanOrEqual(2 * callers);
  expect(history.filter(({ id }) => !records.has(id))).toEqual([]);
  // One key, one generation: no two callers were told of the same one.
  expect(new Set(history.map(({ id }) => id)).size).toBe(history.length);

  // The provider was not called more often than attempts were begun, and more than once only where a kill hit.
  const calls = Map.groupBy(upstream.requests, ({ headers }) => String(headers["x-client-request-id"]));
  const tooMany = [...calls].filter(([id, made]) => made.length > (records.get(id)?.attempts ?? 0));
  expect(tooMany).toEqual([]);

  const read = async (id: string) => {
    const headers = { authorization: `Bearer ${stack.apiKey}` };
    return generationSchema.parse(await (await fetch(`${origins[0]}/v1/generations/${id}`, { headers })).json());
  };
  const contradicted: Told[] = [];
  for (const told of history) {
    const generation = await read(told.id);
    const { status, response, error } = generation;
    const same = {
      async: () => told.kind === "async" && told.status === status,
      stream: () => told.kind === "stream" && told.images > 0 === (status === "succeeded"),
      // What the caller was told is what is told now, but for its images: links are fresh each time, and base64 is not repeated here.
      sync: () =>
        told.kind === "sync" && isDeepStrictEqual(withoutImages(told.body), withoutImages(response ?? { error })),
    };
    if (!same[told.kind]()) contradicted.push(told);
  }
  expect(contradicted).toEqual([]);

  await expectWebhooks(receiver.received, new Set(records.keys()), await secretOf(origins[0] ?? "", stack.apiKey));
  await expectNothingLeft(stack.redis.url);
});

const withoutImages = (body: unknown) =>
  JSON.parse(JSON.stringify(body, (name, value) => (name === "url" || name === "b64_json" ? undefined : value)));

async function secretOf(origin: string, apiKey: string): Promise<string> {
  const answer = await fetch(`${origin}/v1/webhooks/secret`, { headers: { authorization: `Bearer ${apiKey}` } });
  return z.object({ secret: z.string() }).parse(await answer.json()).secret;
}

/** Each generation was told at least once, always under the same id, and signed with the key's own secret. */
async function expectWebhooks(
  received: { headers: Record<string, string>; body: string }[],
  ids: ReadonlySet<string>,
  secret: string,
): Promise<void> {
  const seen = () => received.map(({ body }) => webhookEventSchema.parse(JSON.parse(body)).data.id);
  await expect.poll(() => new Set(seen()).size).toBe(ids.size);
  const webhook = new Webhook(secret);
  const idsOf = new Map<string, Set<string>>();
  for (const { headers, body } of received) {
    expect(() => webhook.verify(body, headers)).not.toThrow();
    const { id } = webhookEventSchema.parse(JSON.parse(body)).data;
    idsOf.set(id, (idsOf.get(id) ?? new Set()).add(headers["webhook-id"] ?? ""));
  }
  expect(new Set(idsOf.keys())).toEqual(ids);
  expect([...idsOf.values()].filter((messages) => messages.size !== 1)).toEqual([]);
}

async function expectNothingLeft(redisUrl: string): Promise<void> {
  const keys = createKeys("darkroom");
  const redis = connectProducer(redisUrl, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  const lane = "openai.interactive";
  const names = [
    keys.running,
    keys.queued,
    keys.expiring,
    keys.outbox,
    keys.deliveries,
    keys.pending(lane),
    keys.ranks(lane),
  ];
  const left = async () => {
    const exist = await Promise.all(names.map((name) => redis.exists(name)));
    return names.filter((_, i) => exist[i] === 1);
  };
  await expect.poll(left).toEqual([]);
}

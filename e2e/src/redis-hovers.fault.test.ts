import { setTimeout as pause } from "node:timers/promises";
import { isEnding } from "@darkroom/contracts";
import { createKeys, connectWorker, untilConnected } from "@darkroom/redis";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, expectEveryLineOnce, numberedLines, untilEnded } from "./batches.ts";
import { chaosCallers, type Told } from "./chaos-callers.ts";
import { everyGeneration } from "./every-generation.ts";
import { startStack } from "./stack.ts";

/** Ten seconds of each refusal under 200 callers, three times, by its own command, `pnpm chaos:redis`; a short form with all other tests. */
const seconds = Number(process.env["HOVER_SECONDS"] ?? 2);
const callers = Number(process.env["HOVER_CALLERS"] ?? 60);
const rounds = Number(process.env["HOVER_ROUNDS"] ?? 1);
const lineCount = Number(process.env["HOVER_LINES"] ?? 100);

/** How many commands Redis refuses in each way, at least. */
const leastRefused = 10;

type Redis = ReturnType<typeof connectWorker>;

const keys = createKeys("darkroom");
const lanes = ["openai.interactive", "openai.batch"];

/** A few milliseconds, so that of the commands of one job some are taken and some are refused. */
const someMs = () => pause(1 + Math.random() * 3);

/** Has Redis refuse for a moment, and take what it is sent for a moment. */
const refusals: Record<"OOM" | "BUSY" | "READONLY", (redis: Redis) => Promise<void>> = {
  async OOM(redis) {
    await redis.config("SET", "maxmemory", 1);
    await someMs();
    await redis.config("SET", "maxmemory", 0);
    await someMs();
  },
  async BUSY(redis) {
    // Others are told that Redis is busy once a script has run for a millisecond; it looks for them every 100,000 instructions.
    const slow = `
      local from = redis.call('TIME')[2]
      repeat
        for i = 1, 100000 do end
        local is = redis.call('TIME')[2]
      until (is - from) % 1000000 > 8000`;
    await redis.eval(slow, 0);
    await someMs();
  },
  async READONLY(redis) {
    // Nothing listens there: it goes on with what it holds.
    await redis.replicaof("127.0.0.1", "1");
    await someMs();
    await redis.replicaof("NO", "ONE");
    await someMs();
  },
};

/** How many commands Redis has refused so. */
const refused = async (redis: Redis, code: string): Promise<number> =>
  Number(new RegExp(`errorstat_${code}:count=(\\d+)`).exec(await redis.info("errorstats"))?.[1] ?? 0);

async function connectAdmin(url: string): Promise<Redis> {
  const redis = connectWorker(url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  return redis;
}

/** What is left of generations that have all ended: nothing but their records. */
async function expectNothingLeft(redis: Redis): Promise<void> {
  const names = [
    keys.queued,
    keys.running,
    keys.expiring,
    ...lanes.flatMap((lane) => [keys.pending(lane), keys.ranks(lane)]),
  ];
  const ofBullMq = lanes.flatMap((lane) =>
    ["wait", "active", "prioritized", "delayed"].map((list) => `${keys.lanes}:${lane}:${list}`),
  );
  const left = async () => {
    const found = [];
    for (const name of [...names, ...ofBullMq]) if ((await redis.exists(name)) === 1) found.push(name);
    return [...found, ...(await redis.keys(`${keys.lanes}:*:gen_*`))];
  };
  await expect.poll(left, { interval: 500 }).toEqual([]);
  for (const account of await redis.keys(`${keys.root}account:*`)) {
    expect(await redis.hmget(account, "active", "queued", "reserved")).toEqual(["0", "0", "0"]);
  }
}

test.each(Array.from({ length: rounds }, (_, i) => i + 1))(
  `Redis refuses and takes by turns, every few milliseconds, under ${callers} callers and a batch: all that is accepted ends (%i)`,
  async () => {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    upstream.always({ delayMs: 100 });
    const stack = await startStack({
      workers: 2,
      environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl, LOG_LEVEL: "info" },
    });
    const redis = await connectAdmin(stack.redis.url);
    await redis.config("SET", "busy-reply-threshold", 1);
    const lines = numberedLines(lineCount);
    const client = stack.openai({ maxRetries: 10 });
    const { id: batchId } = await createBatch(client, lines);

    const over = { is: false };
    const hovering = (async () => {
      let turns = 0;
      for (const [code, refuse] of Object.entries(refusals)) {
        const endMs = performance.now() + seconds * 1_000;
        // A slow machine has few turns in that time.
        for (; performance.now() < endMs || (await refused(redis, code)) < leastRefused; turns++) await refuse(redis);
        // Time to come to rest: who was refused waits for a while.
        await pause(seconds * 100);
      }
      over.is = true;
      return turns;
    })();
    async function call(kind: keyof typeof chaosCallers): Promise<Told[]> {
      const told: Told[] = [];
      const body = { model: "gpt-image-1", prompt: "a cat", output_format: "jpeg" };
      while (!over.is) {
        told.push(await chaosCallers[kind]({ origin: () => stack.origin, apiKey: stack.apiKey, body }));
      }
      return told;
    }
    const kinds = ["sync", "async", "stream"] as const;
    const calling = Promise.all(Array.from({ length: callers }, (_, i) => call(kinds[i % 3] ?? "sync")));
    const turns = await hovering;

    const open = async () => (await everyGeneration(stack.redis.url)).filter(({ status }) => !isEnding(status));
    await expect.poll(open, { interval: 500 }).toEqual([]);
    // Each of the callers has asked until it was told how its generation ended. Some that were refused have asked for it only now.
    const history = (await calling).flat();
    await expect.poll(open, { interval: 500 }).toEqual([]);
    const records = new Map((await everyGeneration(stack.redis.url)).map((record) => [record.id, record]));
    expect(history.filter(({ id }) => !records.has(id))).toEqual([]);
    expect(new Set(history.map(({ id }) => id)).size).toBe(history.length);
    // Each caller got through at least once.
    expect(history.length).toBeGreaterThanOrEqual(callers);
    const notSucceeded = [...records.values()].filter(({ status }) => status !== "succeeded");
    expect(notSucceeded.map(({ status, error }) => ({ status, error }))).toEqual([]);

    const batch = await untilEnded(client, batchId);
    expect(batch.status).toBe("completed");
    await expectEveryLineOnce(client, batch, lines);
    const calls = Map.groupBy(upstream.requests, ({ headers }) => String(headers["x-client-request-id"]));
    const tooMany = [...calls].filter(
      ([id, made]) => records.has(id) && made.length > (records.get(id)?.attempts ?? 0),
    );
    expect(tooMany).toEqual([]);
    console.info(
      `${turns} turns, ${history.length} answers, ${records.size} generations, ${upstream.requests.length} provider calls`,
    );
    await expectNothingLeft(redis);
  },
);

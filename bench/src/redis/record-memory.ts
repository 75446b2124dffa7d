import { unlimited } from "@darkroom/accounts";
import { type Bill, type ImageRequest, newGenerationId } from "@darkroom/contracts";
import { createProducer, createWorker, type Delivery } from "@darkroom/generations";
import { createKeys, connectWorker, tombstoneField, untilConnected } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import type { Redis } from "ioredis";
import type { Row, Scenario } from "../wait/scenario.ts";
import { randomPrompt } from "./random-prompt.ts";

const dayMs = 86_400_000;
const retention = { recordsMs: dayMs, claimsMs: dayMs, tombstonesMs: 7 * dayMs };
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** As many generations at a time as some api processes and workers have under way. */
const atOnce = 100;

type Shape = {
  shape: string;
  count: number;
  prompt: (n: number) => string;
  metadata: Record<string, string>;
  isNamed: boolean;
};

const shapes = (quick: boolean): Shape[] => {
  const typical = { prompt: () => randomPrompt(280), metadata: { project: "spring-campaign", asset: "hero" } };
  // As many as 740 of the longest prompt: some of them say what one costs.
  const longest = { prompt: (n: number) => longestPrompt(n), metadata: longestMetadata };
  return [
    { shape: "typical", count: quick ? 2_000 : 100_000, isNamed: false, ...typical },
    { shape: "typical, with an idempotency key", count: quick ? 2_000 : 100_000, isNamed: true, ...typical },
    { shape: "longest prompt and metadata, Chinese", count: quick ? 20 : 740, isNamed: false, ...longest },
  ];
};

/** 32,000 characters of three bytes each, in no order that repeats. */
function longestPrompt(n: number): string {
  let state = n + 1;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  // Three thousand of the characters make up nearly all Chinese text.
  return Array.from({ length: 32_000 }, () => String.fromCodePoint(0x4e00 + ((next() >> 8) % 3_000))).join("");
}

const longestMetadata = Object.fromEntries(
  Array.from({ length: 16 }, (_, i) => [`key${i}`, longestPrompt(i).slice(0, 512)]),
);

export const recordMemory: Scenario = {
  number: 3,
  title: "What an ended generation keeps of Redis' memory, in bytes",
  async run({ quick, tell }) {
    const rows: Row[] = [];
    for (const shape of shapes(quick)) {
      tell(`${shape.count} generations: ${shape.shape}`);
      rows.push(await measure(shape));
    }
    tell("the tombstones of nine hours");
    rows.push(await measureTombstones(quick ? 4_000 : tombstonesOfNineHours));
    return rows;
  },
};

async function measure(shape: Shape): Promise<Row> {
  const server = await startRedis({ persist: false });
  try {
    const redis = connectWorker(server.url, () => {});
    await untilConnected(redis, 5_000);
    const keys = createKeys("darkroom");
    const { generations, lanes } = createProducer({ redis, keys }, { retention, log });
    const worker = createWorker({ redis, keys }, { retention, log, dropObjects: async () => {} });
    const never = 20 * dayMs;
    const recovery = worker.recover({
      queuedAfterMs: never,
      runningAfterMs: never,
      lookAgainMs: never,
      claimMs: never,
      lockDurationMs: never,
    });
    await drawOne(generations, worker.attempts, shape, -1);
    const before = await usedMemory(redis);
    let left = shape.count;
    const draw = async () => {
      while (left > 0) await drawOne(generations, worker.attempts, shape, left--);
    };
    const [beganMs, cpuBefore] = [performance.now(), process.cpuUsage()];
    await Promise.all(Array.from({ length: atOnce }, draw));
    const drawnMs = performance.now() - beganMs;
    const drawnCpu = process.cpuUsage(cpuBefore);
    const drawn = await usedMemory(redis);
    // What ended a moment ago is left alone.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const [packBeganMs, redisBefore, packCpu] = [performance.now(), await redisCpuMicros(redis), process.cpuUsage()];
    await recovery.tick();
    const cpu = process.cpuUsage(packCpu);
    const redisMicros = (await redisCpuMicros(redis)) - redisBefore;
    const packMs = performance.now() - packBeganMs;
    const after = await usedMemory(redis);
    const kinds = await bytesByKind(redis);
    await lanes.close();
    redis.disconnect();
    const each = (bytes: number) => Math.round(bytes / shape.count);
    const per = (micros: number) => Math.round((micros / shape.count) * 10) / 10;
    return {
      generations: shape.shape,
      "at its ending": each(drawn - before),
      "after recovery": each(after - before),
      record: each(kinds.get("generation") ?? 0),
      index: each(kinds.get("index") ?? 0),
      retained: each(kinds.get("retained") ?? 0),
      ledger: each(kinds.get("ledger") ?? 0),
      claim: each(kinds.get("claim") ?? 0),
      "drawn, CPU µs": per(drawnCpu.user + drawnCpu.system),
      "drawn/s": Math.round((shape.count / drawnMs) * 1_000),
      "recovery, CPU µs": per(cpu.user + cpu.system),
      "recovery, Redis µs": per(redisMicros),
      "recovery s": Math.round(packMs / 100) / 10,
    };
  } finally {
    await server.stop();
  }
}

/** Of 1,000,000 generations a day: those whose tombstones are together. */
const tombstonesOfNineHours = 388_000;

/** What tombstones take, written as the removal writes them. */
async function measureTombstones(count: number): Promise<Row> {
  const server = await startRedis({ persist: false });
  try {
    const redis = connectWorker(server.url, () => {});
    await untilConnected(redis, 5_000);
    const keys = createKeys("darkroom");
    const before = await usedMemory(redis);
    for (let written = 0; written < count; written += 1_000) {
      const pipeline = redis.pipeline();
      for (let i = 0; i < 1_000; i++) {
        const id = newGenerationId(Date.now());
        pipeline
          .hset(keys.tombstones(id), tombstoneField(id), "acme")
          .pexpire(keys.tombstones(id), retention.tombstonesMs);
      }
      await pipeline.exec();
    }
    const after = await usedMemory(redis);
    redis.disconnect();
    return { generations: "a tombstone", "after recovery": Math.round((after - before) / count) };
  } finally {
    await server.stop();
  }
}

type Parts = ReturnType<typeof createProducer> & ReturnType<typeof createWorker>;

/** One generation from its submission to its answer, as api and worker write it. */
async function drawOne(
  generations: Parts["generations"],
  attempts: Parts["attempts"],
  { prompt, metadata, isNamed }: Shape,
  n: number,
): Promise<void> {
  const id = newGenerationId(Date.now());
  const lane = "openai.interactive";
  const request: ImageRequest = {
    model: "gpt-image-2",
    prompt: prompt(n),
    size: "1024x1024",
    quality: "low",
    job: { metadata: { ...metadata, number: String(n) } },
  };
  const caller = "api-1/1";
  await generations.submit({
    id,
    tenant: "acme",
    keyId: "key_4f1d2c3b5a697887a6b5c4d3",
    caller,
    ...(isNamed && { idempotencyKey: `order-${n}` }),
    lane,
    model: "gpt-image-2",
    request,
    upstream: { model: "gpt-image-2", parameters },
    terms,
    admission: { ...unlimited, images: 1, worstCaseMicros: 211_000 },
  });
  const begun = await attempts.start(id, lane);
  if (typeof begun !== "object") throw new Error(`The attempt did not begin: ${begun}`);
  const delivery: Delivery = {
    provider: "openai",
    images: [
      {
        index: 0,
        key: `_images/acme/${id}/1-0.png`,
        bytes: 1_000_000 + Math.floor(Math.random() * 1_000_000),
        mediaType: "image/png",
        width: 1024,
        height: 1024,
        quality: "low",
      },
    ],
    usage: {
      prompt_tokens: 58,
      input_tokens: 58,
      output_tokens: 272,
      total_tokens: 330,
      input_tokens_details: { text_tokens: 58, image_tokens: 0 },
    },
  };
  await attempts.checkpoint(id, 1, delivery);
  await attempts.succeed(id, lane, 1, delivery, bill);
  await generations.leave(id, lane, caller, "answered");
}

const parameters = {
  n: 1,
  size: "1024x1024",
  quality: "low",
  background: "auto",
  moderation: "auto",
  output_format: "png",
  output_compression: 100,
} as const;

const perToken = {
  textInput: 5_000,
  cachedTextInput: 1_250,
  imageInput: 8_000,
  textOutput: 10_000,
  imageOutput: 30_000,
};
const terms = { model: "gpt-image-2", quality: "low", prices: { per1kTokensMicros: perToken } };
const bill: Bill = { images: 1, inputTokens: 58, outputTokens: 272, costMicros: 8_450, providerCostMicros: null };

const usedMemory = async (redis: Redis) => Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);

async function redisCpuMicros(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  const seconds = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  return (seconds("used_cpu_sys") + seconds("used_cpu_user")) * 1_000_000;
}

/** What MEMORY USAGE says of all keys, by their kind, in bytes. */
async function bytesByKind(redis: Redis): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for await (const names of redis.scanStream({ count: 1_000 })) {
    const pipeline = redis.pipeline();
    for (const name of names) pipeline.memory("USAGE", name, "SAMPLES", 100);
    const answers = (await pipeline.exec()) ?? [];
    for (const [i, [, bytes]] of answers.entries()) {
      const kind = String(names[i]).split(":")[1] ?? "";
      sums.set(kind, (sums.get(kind) ?? 0) + Number(bytes));
    }
  }
  return sums;
}

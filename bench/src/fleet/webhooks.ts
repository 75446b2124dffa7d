import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { listeningPort } from "@darkroom/testing";
import { median } from "../median.ts";
import { cpuMicros } from "../process-facts.ts";
import { readRedis } from "../redis-meter.ts";
import type { System } from "../systems/system.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { Scenario } from "../wait/scenario.ts";
import { byWorkers } from "./by-workers.ts";

const usualEndings = 1_500;
const quickEndings = 150;
/** Addresses of the loopback network, each a receiver of its own to the service. Linux answers on all of them. */
const receivers = 20;
/** Webhooks for one receiver that takes its time, in milliseconds, as a real one does. What it gets depends on slots and not on cores. */
const slowEndings = 600;
const quickSlowEndings = 60;
const slowAfterMs = 200;
/** A load that keeps no worker busy, which shows how long a webhook waits for nothing. */
const fewPerSecond = 20;
const fewSeconds = 10;
/** Submissions at a time. */
const inFlight = 20;
/** How often it is looked whether everything has ended or has been received, in milliseconds. */
const everyMs = 20;

const environment = {
  WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
  WEBHOOK_ALLOW_PRIVATE: "true",
  WEBHOOK_ALLOW_INSECURE: "true",
};
/** A worker without a secret posts no webhooks. */
const postsNone = { environment: { WEBHOOK_SIGNING_SECRET: "" } };

/** Webhooks that arrived: when, by the id of the delivery. */
async function openReceivers({ afterMs = 0, origins = receivers }: { afterMs?: number; origins?: number } = {}) {
  const arrivedAtMs = new Map<string, number>();
  const server = createServer((request, response) => {
    const id = String(request.headers["webhook-id"]);
    if (!arrivedAtMs.has(id)) arrivedAtMs.set(id, Date.now());
    const answer = () => response.writeHead(204).end();
    request.resume().on("end", () => void (afterMs > 0 ? setTimeout(answer, afterMs) : answer()));
  });
  const port = await listeningPort(server.listen(0, "0.0.0.0"));
  return {
    arrivedAtMs,
    urlOf: (index: number) => `http://127.0.1.${(index % origins) + 1}:${port}/hook`,
    async untilArrived(count: number): Promise<void> {
      while (arrivedAtMs.size < count) await pause(everyMs);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Submits so many generations whose endings are told, as fast as they are taken or at a rate, and waits until they have ended. */
async function drawAll(
  { targets, redis }: System,
  count: number,
  { urlOf, perSecond = Infinity }: { urlOf: (index: number) => string; perSecond?: number },
): Promise<void> {
  const [target] = targets;
  if (target === undefined) throw new Error("There is no api");
  const { origin, headers } = target;
  let next = 0;
  const beganAtMs = performance.now();
  const submit = async () => {
    while (next < count) {
      const index = next++;
      const earlyMs = beganAtMs + (index / perSecond) * 1_000 - performance.now();
      if (earlyMs > 0) await pause(earlyMs);
      const job = { webhook: urlOf(index) };
      const body = JSON.stringify({ model: "dall-e-2", prompt: "A lighthouse", size: "256x256", job });
      const sent = { method: "POST", headers: { ...headers, prefer: "respond-async" }, body };
      const answer = await fetch(`${origin}/v1/images/generations`, sent);
      if (answer.status !== 202) throw new Error(`It was answered with ${answer.status}: ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, submit));
  const underWay = async () => (await redis.zcard("darkroom:queued")) + (await redis.zcard("darkroom:running")) > 0;
  while (await underWay()) await pause(everyMs);
}

/** How late webhooks were, in milliseconds after the ending. */
async function latenessOf({ redis }: System, arrivedAtMs: ReadonlyMap<string, number>): Promise<number[]> {
  return Promise.all(
    [...arrivedAtMs].map(
      async ([id, atMs]) => atMs - Number(await redis.hget(`darkroom:delivery:${id}`, "createdAtMs")),
    ),
  );
}

/** Without the first, which drew what piled up. */
const cpuOfWorkers = async ({ workers }: System): Promise<number> =>
  (await Promise.all(workers.slice(1).map(({ pid }) => cpuMicros(pid)))).reduce((sum, micros) => sum + micros, 0);

/** How soon webhooks follow the endings, and how fast those leave that have piled up while no worker posted any. */
export const webhooks: Scenario = {
  number: 7,
  title: `The webhooks of ${usualEndings} endings to ${receivers} receivers`,
  run: (settings) =>
    byWorkers(settings, async (workers) => {
      const endings = settings.quick ? quickEndings : usualEndings;
      const options = { apis: 1, workers: 0, store: "tmpfs", profileTo: settings.profileTo } as const;
      const system = await openDarkroom(options, { environment });
      const slowCount = settings.quick ? quickSlowEndings : slowEndings;
      const [piled, flood, few] = [await openReceivers(), await openReceivers(), await openReceivers()];
      const slow = await openReceivers({ afterMs: slowAfterMs, origins: 1 });
      try {
        const drawing = await system.startWorker(postsNone);
        // They are put aside until all workers run, since the start of a process takes a core for a second.
        await drawAll(system, endings, piled);
        await system.redis.rename("darkroom:outbox", "aside");
        await drawAll(system, slowCount, slow);
        await system.redis.rename("darkroom:outbox", "aside-slow");
        await drawing.stop();
        for (let i = 0; i < workers; i++) await system.startWorker();
        const piledFrom = {
          ms: Date.now(),
          workersMicros: await cpuOfWorkers(system),
          redis: await readRedis(system.redis),
        };
        await system.redis.rename("aside", "darkroom:outbox");
        await piled.untilArrived(endings);
        const piledMs = Date.now() - piledFrom.ms;
        const piledCpuMicros = (await cpuOfWorkers(system)) - piledFrom.workersMicros;
        const redisAfter = await readRedis(system.redis);
        const piledCommands = redisAfter.commands - piledFrom.redis.commands;
        const piledRedisMicros = redisAfter.cpuMicros - piledFrom.redis.cpuMicros;
        settings.tell(`${endings} that had piled up left in ${piledMs} ms`);

        const slowFromMs = Date.now();
        await system.redis.rename("aside-slow", "darkroom:outbox");
        await slow.untilArrived(slowCount);
        const slowMs = Date.now() - slowFromMs;
        settings.tell(`${slowCount} for a slow receiver left in ${slowMs} ms`);

        await drawAll(system, fewPerSecond * fewSeconds, { ...few, perSecond: fewPerSecond });
        await few.untilArrived(fewPerSecond * fewSeconds);
        const lateness = await latenessOf(system, few.arrivedAtMs);
        settings.tell(`${median(lateness)} ms late`);

        const drawnFromMs = Date.now();
        await drawAll(system, endings, flood);
        const drawnMs = Date.now() - drawnFromMs;
        await flood.untilArrived(endings);
        const arrivedMs = Date.now() - drawnFromMs;
        return {
          "that had piled up, webhooks/s": Math.round((endings / piledMs) * 1_000),
          [`to one receiver that answers after ${slowAfterMs} ms, webhooks/s`]: Math.round(
            (slowCount / slowMs) * 1_000,
          ),
          "CPU of the workers for each, ms": Math.round(piledCpuMicros / endings / 10) / 100,
          "Redis CPU for each, µs": Math.round(piledRedisMicros / endings),
          "Redis commands for each": Math.round((piledCommands / endings) * 10) / 10,
          [`a webhook after its ending at ${fewPerSecond} endings/s, ms (p50)`]: median(lateness),
          "as many as can be drawn, endings/s": Math.round((endings / drawnMs) * 1_000),
          "their webhooks/s": Math.round((endings / arrivedMs) * 1_000),
        };
      } finally {
        for (const each of [piled, slow, flood, few]) each.close();
        await system.close();
      }
    }),
};

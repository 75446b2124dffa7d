import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { newGenerationId } from "@darkroom/contracts";
import { request } from "undici";
import { darkroomKeys, openSubmitter } from "../open-submitter.ts";
import type { System } from "../systems/system.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { Scenario } from "../wait/scenario.ts";
import { byWorkers } from "./by-workers.ts";
import { type CommandRates, countCommands } from "./count-commands.ts";

/** Recovery looks at each generation once a minute, so a shorter time would count too few of its looks, or too many. */
const watchedMs = 60_000;
/** What a start and a first look at each generation cost is not counted. */
const settledAfterMs = 15_000;
/** How many causes are told of each count. */
const named = 15;

/** What a fleet asks of Redis while nothing changes: no submission, no ending. */
export const commands: Scenario = {
  number: 2,
  title: "Redis commands while nothing changes",
  run: (settings) =>
    byWorkers(settings, async (workers) => {
      const generations = settings.quick ? 100 : 1_000;
      const forMs = settings.quick ? 20_000 : watchedMs;
      const upstream = await startSilentUpstream();
      const system = await openDarkroom(
        { apis: 1, workers, store: "memory", profileTo: settings.profileTo },
        {
          environment: {
            OPENAI_API_KEY: "sk-bench",
            OPENAI_BASE_URL: upstream.url,
            WORKER_CONCURRENCY: String(Math.ceil(generations / workers)),
            WEBHOOK_SIGNING_SECRET: "a secret for measurements, long enough to be one",
          },
        },
      );
      const callers = new AbortController();
      try {
        const tell = (what: string, { byCause }: CommandRates) =>
          settings.tell(
            `${what}: ${byCause
              .slice(0, named)
              .map(({ cause, perSecond }) => `${cause} ${round(perSecond)}`)
              .join(", ")}`,
          );
        const idle = await countCommands(system, forMs);
        tell("idle", idle);
        const submit = openSubmitter(system.redis);
        for (let i = 0; i < generations; i++) {
          await submit(newGenerationId(Date.now()), `tenant-${i % 10}`, { prompt: `A lighthouse, number ${i}` });
        }
        await untilRunning(system, generations);
        await pause(settledAfterMs);
        const running = await countCommands(system, forMs);
        tell("running", running);
        // As many again, each with a caller that waits. Almost all are queued, since hardly a worker has a slot left.
        await holdCallers(system, generations, callers.signal);
        await pause(settledAfterMs);
        const waited = await countCommands(system, forMs);
        tell("with callers that wait", waited);

        const perGeneration = (perSecond: number) => Math.round((perSecond / generations) * 1_000) / 1_000;
        return {
          "idle, commands/s": round(idle.all),
          "with generations that run, commands/s for each, but for locks": perGeneration(running.all - running.locks),
          "renewal of the locks, commands/s for each": perGeneration(running.locks),
          "more for each that is queued with its caller waiting, commands/s": perGeneration(waited.all - running.all),
        };
      } finally {
        callers.abort();
        await system.close();
        await upstream.close();
      }
    }),
};

const round = (n: number): number => Math.round(n * 10) / 10;

/** An upstream that takes requests and answers none. */
async function startSilentUpstream() {
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what listens on a port has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function untilRunning({ redis }: System, count: number): Promise<void> {
  while ((await redis.zcard(darkroomKeys.running)) < count) await pause(250);
}

/** Sends requests that wait for their images, until the signal. Resolves when all have been accepted. */
async function holdCallers({ targets, redis }: System, count: number, signal: AbortSignal): Promise<void> {
  const [target] = targets;
  if (target === undefined) throw new Error("There is no api process");
  const { origin, headers } = target;
  const alive = async () => (await redis.zcard(darkroomKeys.queued)) + (await redis.zcard(darkroomKeys.running));
  const before = await alive();
  for (let i = 0; i < count; i++) {
    const sent = sendUntilHeld({ origin, headers, prompt: `A caller, number ${i}`, signal });
    sent.catch(() => {});
  }
  while ((await alive()) < before + count) await pause(250);
}

/** Sends a request again that a busy api has refused. An answer is never awaited: the upstream gives none. */
async function sendUntilHeld(caller: {
  origin: string;
  headers: Record<string, string>;
  prompt: string;
  signal: AbortSignal;
}): Promise<void> {
  const { origin, headers, prompt, signal } = caller;
  const body = JSON.stringify({ model: "dall-e-2", size: "256x256", prompt });
  while (!signal.aborted) {
    const answer = await request(`${origin}/v1/images/generations`, {
      method: "POST",
      headers,
      body,
      signal,
      headersTimeout: 0,
    });
    await answer.body.dump();
    await pause(1_000);
  }
}

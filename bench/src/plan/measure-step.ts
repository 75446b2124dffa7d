import { setTimeout as pause } from "node:timers/promises";
import { costs, planCapacity, planRedis } from "@darkroom/capacity";
import { Agent, request } from "undici";
import { exponential, seededRandom } from "../cells/random.ts";
import { createSimulatedCell } from "../cells/simulated-cell.ts";
import { darkroomKeys } from "../open-submitter.ts";
import { peakBytes, residentBytes } from "../process-facts.ts";
import { randomPrompt } from "../redis/random-prompt.ts";
import type { System } from "../systems/system.ts";
import type { Row } from "../wait/scenario.ts";
import { readSystem, untilCompressed } from "./read-system.ts";
import { concurrency, loadOf } from "./step-load.ts";

/** How often the generations that run are counted. Each count is a command. */
const countEveryMs = 500;

/** Sends generations at random times of a rate, waits for all of them, and answers a row for each quantity that is planned. */
export async function measureStep(
  system: System,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<{ generations: number; rows: Row[] }> {
  const arrivals = poissonArrivals(perSecond, seconds);
  await untilCompressed(system);
  const before = await readSystem(system);
  const beganMs = performance.now();
  const running = countRunning(system, beganMs + seconds * 1_000);
  await sendAll(system, arrivals, beganMs);
  const counts = await running;
  const lastedSeconds = (performance.now() - beganMs) / 1_000;
  const after = await readSystem(system);

  // A Poisson process has some more or some less than its rate. What came is what is planned for.
  // How long a call takes is an assumption of the plan, so it is taken from the run, too.
  const serviceSeconds =
    (after.durationSeconds - before.durationSeconds - after.waitSeconds + before.waitSeconds) / arrivals.length;
  const load = {
    ...loadOf(arrivals.length / lastedSeconds),
    serviceSeconds,
    retentionSeconds: seconds,
    tombstoneSeconds: 0,
  };
  const plan = planCapacity(load);
  const { workers, apis } = system;
  const rate = plan.generationsPerSecond;
  const redis = planRedis(load, {
    generationsPerSecond: rate,
    meanPerSecond: rate,
    workers: workers.length,
    apis: apis.length,
  });
  // Nothing is old enough to be removed.
  const commandsPerSecond = redis.commandsPerSecond - redis.commands.removal;
  const coreShare = redis.coreShare - rate * costs.redis.cpuSecondsPerRemoval;
  const slots = workers.length * concurrency;
  const callsAtATime = Math.min((arrivals.length / seconds) * serviceSeconds, slots);
  const meanCount = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const peaks = await Promise.all(workers.map(({ pid }) => peakBytes(pid)));
  const apiBytes = await Promise.all(apis.map(({ pid }) => residentBytes(pid)));
  const waitedMs = ((after.waitSeconds - before.waitSeconds) / (after.waitCount - before.waitCount)) * 1_000;
  const row = rowOf(perSecond, workers.length);
  return {
    generations: arrivals.length,
    rows: [
      row("calls at a time", callsAtATime, meanCount),
      row("wait for a slot, mean ms", simulatedWaitMs(arrivals, { workers: workers.length, serviceSeconds }), waitedMs),
      row("Redis commands/s", commandsPerSecond, (after.commands - before.commands - counts.length) / lastedSeconds),
      row("Redis CPU, share of a core", coreShare, (after.cpuMicros - before.cpuMicros) / 1e6 / lastedSeconds),
      row("Redis connections", redis.connections, after.connections),
      row("api CPU, share of a core", plan.apis.cores, (after.apiMicros - before.apiMicros) / 1e6 / lastedSeconds),
      row("a worker at most, MB", plan.workers.memoryBytes / 1e6, Math.max(...peaks) / 1e6),
      row("an api, MB", plan.apis.memoryBytes / 1e6, Math.max(...apiBytes) / 1e6),
    ],
  };
}

/** Makes rows of a step. */
export const rowOf =
  (perSecond: number | string, workers: number) =>
  (quantity: string, predicted: number, measured: number): Row => ({
    "generations/s": perSecond,
    workers,
    quantity,
    predicted: rounded(predicted),
    measured: rounded(measured),
    "error %": Math.round((predicted / measured - 1) * 100),
  });

const rounded = (value: number): number => Number(value.toPrecision(3));

function poissonArrivals(perSecond: number, seconds: number): number[] {
  const random = seededRandom(perSecond);
  const arrivals: number[] = [];
  for (let at = 0; (at += exponential(random, 1 / perSecond)) < seconds;) arrivals.push(at);
  return arrivals;
}

/** What the same arrivals wait in the mean for the slots of so many workers. */
function simulatedWaitMs(
  arrivals: readonly number[],
  { workers, serviceSeconds }: { workers: number; serviceSeconds: number },
): number {
  let sum = 0;
  const cell = createSimulatedCell({
    workers,
    concurrency,
    callSeconds: () => serviceSeconds,
    onStart: (_, waited) => (sum += waited),
  });
  for (const at of arrivals) {
    cell.advance(at);
    cell.submit(at);
  }
  cell.advance(Number.MAX_VALUE);
  return (sum / arrivals.length) * 1_000;
}

/** One request for each time, whose caller waits. Rejects when one is not answered with an image. */
async function sendAll({ targets }: System, arrivals: readonly number[], beganMs: number): Promise<void> {
  const [target] = targets;
  if (target === undefined) throw new Error("There is no api process");
  const { origin, headers } = target;
  // Each caller has a connection of its own, as many as there are.
  const dispatcher = new Agent({ connections: null, pipelining: 1 });
  const sendOne = async (number: number) => {
    const job = { metadata: { project: "spring-campaign", asset: "hero", number: String(number) } };
    const body = JSON.stringify({
      model: "dall-e-2",
      prompt: randomPrompt(280),
      size: "256x256",
      response_format: "url",
      job,
    });
    const answer = await request(`${origin}/v1/images/generations`, { method: "POST", headers, body, dispatcher });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`It was answered with ${answer.statusCode}: ${text}`);
  };
  const sent: Promise<void>[] = [];
  for (const [number, at] of arrivals.entries()) {
    const earlyMs = beganMs + at * 1_000 - performance.now();
    if (earlyMs > 0) await pause(earlyMs);
    const sending = sendOne(number);
    // Is awaited below.
    sending.catch(() => {});
    sent.push(sending);
  }
  await Promise.all(sent);
  await dispatcher.close();
}

/** How many generations run, each half second until a time. */
async function countRunning({ redis }: System, untilMs: number): Promise<number[]> {
  const counts: number[] = [];
  while (performance.now() < untilMs) {
    counts.push(await redis.zcard(darkroomKeys.running));
    await pause(countEveryMs);
  }
  return counts;
}

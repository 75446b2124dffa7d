import { setTimeout as pause } from "node:timers/promises";
import { createBatchClient } from "../batch/batch-client.ts";
import { runBatch } from "../batch/run-batch.ts";
import type { OpenNeighbourStack } from "./open-neighbour-stack.ts";

export const callKinds = ["sync", "submit", "webhook", "list", "batch"] as const;
/** `sync`: until the image is there. `submit`: until the 202. `webhook`: from the same submission on. `batch`: 20 lines, until `completed`. */
export type CallKind = (typeof callKinds)[number];

/** Milliseconds of the calls that were answered. `failed`: those that had an error, or no answer in time. */
export type CallTimes = { p50Ms: number; p99Ms: number; answered: number; failed: number };

/** How often each call is made, in milliseconds: together a fifth of what the service can do on two cores. */
const everyMs = { sync: 50, submit: 100, list: 100 };
const batchLines = 20;
const batchPauseMs = 200;
/** A call that takes longer counts as failed: no caller with a default client waits for so long for what takes some milliseconds. */
const atMostMs = 30_000;

/**
 * Calls as tenant B for so long, and answers what each kind of call took. Calls are made at fixed times, whether or not earlier ones are
 * answered, so that a service that stands still is not asked less.
 */
export async function measureCalls(
  stack: OpenNeighbourStack,
  durationMs: number,
): Promise<Record<CallKind, CallTimes>> {
  const { measured, webhookUrl } = stack;
  const tallies = { sync: tally(), submit: tally(), webhook: tally(), list: tally(), batch: tally() };
  const untilMs = performance.now() + durationMs;
  const send = (path: string, init: Sent = {}) => send200(`${measured.origin}${path}`, measured.headers, init);
  const image = "/v1/images/generations";

  const sync = () => tallies.sync.time(async () => void (await send(image, { method: "POST", body: measured.body })));
  const list = () => tallies.list.time(async () => void (await send("/v1/generations?limit=20")));
  const withWebhook = JSON.stringify({ ...JSON.parse(measured.body ?? "{}"), job: { webhook: webhookUrl } });
  const submit = async () => {
    const headers = { prefer: "respond-async" };
    const submitted = Promise.withResolvers<string>();
    const accepted = tallies.submit.time(async () => {
      const sent = send(image, { method: "POST", body: withWebhook, headers });
      sent.then((body) => submitted.resolve(JSON.parse(body).id), submitted.reject);
      await sent;
    });
    await Promise.all([accepted, tallies.webhook.time(async () => webhookOf(stack, await submitted.promise))]);
  };
  const batches = async () => {
    const client = createBatchClient(measured);
    while (performance.now() < untilMs) {
      await tallies.batch.time(async () => void (await runBatch(client, batchLines)));
      await pause(batchPauseMs);
    }
  };
  await Promise.all([
    repeat(sync, everyMs.sync, untilMs),
    repeat(submit, everyMs.submit, untilMs),
    repeat(list, everyMs.list, untilMs),
    batches(),
  ]);
  const { sync: a, submit: b, webhook: c, list: d, batch: e } = tallies;
  return { sync: a.times(), submit: b.times(), webhook: c.times(), list: d.times(), batch: e.times() };
}

type Sent = { method?: "POST"; body?: string | null; headers?: Record<string, string> };

/** The body of a 200 or 202; throws for every other answer. */
async function send200(url: string, headers: Record<string, string>, init: Sent): Promise<string> {
  const signal = AbortSignal.timeout(atMostMs);
  const answer = await fetch(url, { ...init, headers: { ...headers, ...init.headers }, signal });
  const body = await answer.text();
  if (answer.status !== 200 && answer.status !== 202) throw new Error(`It was answered with ${answer.status}`);
  return body;
}

async function webhookOf(stack: OpenNeighbourStack, generationId: string): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("No webhook came in time")), atMostMs);
  await Promise.race([stack.webhookCame(generationId), promise]).finally(() => clearTimeout(timer));
}

/** Calls at fixed times until the time is up, and waits for all of the calls. */
async function repeat(call: () => Promise<unknown>, intervalMs: number, untilMs: number): Promise<void> {
  const beganAtMs = performance.now();
  const calls: Promise<unknown>[] = [];
  for (let i = 0; ; i++) {
    const dueAtMs = beganAtMs + i * intervalMs;
    if (dueAtMs >= untilMs) break;
    await pause(Math.max(dueAtMs - performance.now(), 0));
    calls.push(call());
  }
  await Promise.all(calls);
}

function tally() {
  const tookMs: number[] = [];
  let failed = 0;
  return {
    /** Counts what `call` takes, or that it failed. */
    async time(call: () => Promise<void>): Promise<void> {
      const beganAtMs = performance.now();
      try {
        await call();
        tookMs.push(performance.now() - beganAtMs);
      } catch {
        failed++;
      }
    },
    times(): CallTimes {
      const sorted = tookMs.toSorted((a, b) => a - b);
      return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), answered: sorted.length, failed };
    },
  };
}

/** NaN where nothing was answered. */
function percentile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return Math.round(value * 10) / 10;
}

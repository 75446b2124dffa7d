import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "undici";
import type { LoadMessage, LoadPlan, LoadResult, Target } from "./load-plan.ts";

/**
 * The load generator: a process of its own, so that its event loop is not the one that is measured. It gets a plan, warms up, says so,
 * and begins when its parent says "go". Whatever its parent says after that ends it early.
 */
const connectionsPerTarget = 50;

/** Waits take up to a minute and a half in the longest scenario. */
const timeouts = { headersTimeout: 150_000, bodyTimeout: 150_000, pipelining: 1 };

type Tally = { histogram: RecordableHistogram; failed: number };

async function send(client: Client, target: Target, tally: Tally): Promise<void> {
  const startedAtMs = performance.now();
  const request = {
    method: target.method ?? "POST",
    path: target.path ?? "/v1/images/generations",
    headers: target.headers,
    body: target.body,
  } as const;
  try {
    const { statusCode, body } = await client.request(request);
    // Not `dump`: it drops the connection behind 128 KiB, takes Infinity for no limit, and resolves where the answer is cut short.
    for await (const _ of body);
    if (statusCode !== 200 && statusCode !== 202) throw new Error(`It was answered with ${statusCode}`);
    tally.histogram.record(Math.max(1, Math.round((performance.now() - startedAtMs) * 1_000)));
  } catch {
    tally.failed++;
  }
}

/** Each caller has one connection to one target, and keeps it. */
function callersOf(targets: readonly Target[], count: number) {
  const callers = Array.from({ length: count }, (_, i) => {
    const target = at(targets, i);
    return { target, client: new Client(target.origin, timeouts) };
  });
  return async (requests: number, isOver: () => boolean, tally: (target: Target) => Tally): Promise<void> => {
    let left = requests;
    await Promise.all(
      callers.map(async ({ target, client }) => {
        while (left-- > 0 && !isOver()) await send(client, target, tally(target));
      }),
    );
  };
}

/** An open loop: each request is due at its time, and takes the next connection in turn. */
function openLoopOf(targets: readonly Target[], perSecond: number) {
  const clients = targets.map(({ origin }) =>
    Array.from({ length: connectionsPerTarget }, () => new Client(origin, timeouts)),
  );
  return async (requests: number, isOver: () => boolean, tally: (target: Target) => Tally): Promise<void> => {
    const startedAtMs = performance.now();
    const sent: Promise<void>[] = [];
    for (let i = 0; i < requests; i++) {
      const dueAtMs = startedAtMs + (i * 1_000) / perSecond;
      const earlyMs = dueAtMs - performance.now();
      if (earlyMs > 0) await pause(earlyMs);
      if (isOver()) break;
      const target = at(targets, i);
      const round = Math.floor(i / targets.length);
      sent.push(send(at(at(clients, i), round), target, tally(target)));
    }
    await Promise.all(sent);
  };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("The plan names no target");
  return found;
}

async function run(plan: LoadPlan): Promise<void> {
  const { targets, pace, count, warmUp, atMostMs } = plan;
  const load = "callers" in pace ? callersOf(targets, pace.callers) : openLoopOf(targets, pace.perSecond);
  const empty: Tally = { histogram: createHistogram(), failed: 0 };
  await load(warmUp, after(atMostMs), () => empty);
  const go = new Promise((resolve) => process.once("message", resolve));
  tell({ kind: "warm" });
  await go;

  const tallies = new Map<string, Tally>();
  for (const { name } of targets) tallies.set(name, { histogram: createHistogram(), failed: 0 });
  const startedAtMs = performance.now();
  const timeIsUp = after(atMostMs);
  let stopped = false;
  process.once("message", () => (stopped = true));
  await load(
    count,
    () => stopped || timeIsUp(),
    ({ name }) => tallies.get(name) ?? empty,
  );
  const elapsedMs = performance.now() - startedAtMs;
  const results = [...tallies].map(([name, tally]) => summarize(name, tally, elapsedMs));
  tell({ kind: "done", results, elapsedMs });
}

function after(ms: number): () => boolean {
  const untilMs = performance.now() + ms;
  return () => performance.now() > untilMs;
}

const ms = (microseconds: number): number => Math.round(microseconds / 10) / 100;

function summarize(name: string, { histogram, failed }: Tally, elapsedMs: number): LoadResult {
  return {
    name,
    answered: histogram.count,
    failed,
    perSecond: Math.round((histogram.count * 1_000) / elapsedMs),
    p50Ms: ms(histogram.percentile(50)),
    p99Ms: ms(histogram.percentile(99)),
    maxMs: ms(histogram.max),
  };
}

const tell = (message: LoadMessage): void => void process.send?.(message);

process.once("message", (plan: LoadPlan) => {
  run(plan).then(
    () => process.disconnect?.(),
    (error: unknown) => tell({ kind: "error", message: String(error) }),
  );
});
// A parent that is gone wants no load any more; after a finished run open connections are no reason to stay.
process.once("disconnect", () => process.exit(0));

import { setTimeout as pause } from "node:timers/promises";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { processSchema } from "@darkroom/contracts";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { chaosCallers, type Told } from "./chaos-callers.ts";
import { everyGeneration } from "./every-generation.ts";
import type { Service } from "./service.ts";
import { startStack } from "./stack.ts";

/** How many callers there are at a time: sync, async and streams in equal parts, beside a batch. */
const callers = Number(process.env["ROLLING_CALLERS"] ?? 100);
const batchLines = 20;
/**
 * Longer than the 5 s in which an api hears that it is drained, and the 20 s for which it then waits for its callers, so that those who have
 * just begun to wait are told to come back.
 */
const callMs = 30_000;
/** A worker finishes all its calls, so that none is handed back and bought again. */
const ofWorkers = { SHUTDOWN_DEADLINE_MS: "120000" };
/** How often the balancer of the test asks who is ready. It notices well within SHUTDOWN_DELAY_MS. */
const probeEveryMs = 100;

test(`two apis and three workers are restarted one after the other under ${callers} callers: each is answered`, async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: callMs });
  const adminKey = newApiKey();
  const environment = {
    OPENAI_API_KEY: "sk-upstream",
    OPENAI_BASE_URL: upstream.baseUrl,
    ADMIN_KEY_SHA256: hashApiKey(adminKey),
    LOG_LEVEL: "info",
    WORKER_CONCURRENCY: "60",
    // A worker on a busy machine keeps its jobs.
    LOCK_DURATION_MS: "30000",
  };
  const stack = await startStack({ apis: 2, workers: 0, environment });
  const workers = await Promise.all([1, 2, 3].map(() => stack.startWorker(ofWorkers)));
  const apis = [...stack.apis];
  const origins = apis.map(({ origin }) => origin);

  /** A balancer, as the operator has one: it sends new requests to apis that say that they are ready. */
  const inRotation = new Set(origins);
  const over = new AbortController();
  const probing = Promise.all(
    origins.map(async (origin) => {
      while (!over.signal.aborted) {
        const isReady = await fetch(`${origin}/readyz`).then(
          async (answer) => (await answer.arrayBuffer(), answer.ok),
          () => false,
        );
        if (isReady) inRotation.add(origin);
        else inRotation.delete(origin);
        await pause(probeEveryMs);
      }
    }),
  );
  /** Those that are restarted at the moment. */
  const restarted = new Set<string>();
  const anyOrigin = () => {
    const ready = [...inRotation];
    // One that is too busy to say that it is ready still answers, as balancers take it.
    const fallback = origins.find((origin) => !restarted.has(origin)) ?? "";
    return ready[Math.floor(Math.random() * ready.length)] ?? fallback;
  };

  /** Every answer of an api, and every connection that gave none. */
  const answers: { status: number; retryAfter: string | null; error?: unknown }[] = [];
  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      const answer = await fetch(url, init);
      answers.push({ status: answer.status, retryAfter: answer.headers.get("retry-after") });
      return answer;
    } catch (error) {
      answers.push({ status: 0, retryAfter: null, error });
      throw error;
    }
  };

  const admin = (path: string, method = "GET") =>
    fetch(`${anyOrigin()}${path}`, { method, headers: { authorization: `Bearer ${adminKey}` } });
  const listProcesses = async () =>
    z.object({ data: z.array(processSchema) }).parse(await (await admin("/admin/processes")).json()).data;

  async function drainByName(pid: number): Promise<void> {
    const found = (await listProcesses()).find((one) => one.pid === pid);
    expect((await admin(`/admin/processes/${found?.id}/drain`, "POST")).status).toBe(202);
  }

  /** Stops a process by a signal, or by its name through Redis, and waits until it has ended of its own accord. */
  async function stop(service: Service, by: "signal" | "name"): Promise<void> {
    if (by === "signal") process.kill(service.pid, "SIGTERM");
    else await drainByName(service.pid);
    // With its last words, should it not have closed in time.
    expect([await service.exited, service.lines.slice(-3)]).toEqual([0, expect.anything()]);
  }

  const callOnce = (kind: keyof typeof chaosCallers, prompt: string, origin: () => string): Promise<Told> => {
    const body = { model: "gpt-image-1", prompt, output_format: "jpeg" };
    return chaosCallers[kind]({ origin, apiKey: stack.apiKey, body, fetch: ask });
  };
  /** The callers that came to an api when it stopped. */
  const dismissed: Promise<Told>[] = [];

  async function restartAll(): Promise<void> {
    for (const [i, by] of (["signal", "name", "name"] as const).entries()) {
      const worker = workers[i];
      if (worker !== undefined) await stop(worker, by);
      await stack.startWorker(ofWorkers);
    }
    for (const [i, by] of (["signal", "name"] as const).entries()) {
      const origin = origins[i] ?? "";
      const api = apis[i];
      // It is accepted while the api is leaving, and its call takes longer than the api waits: this caller is told to come back.
      let tries = 0;
      const firstHere = () => (tries++ === 0 ? origin : anyOrigin());
      dismissed.push(callOnce("sync", `Picture of the last caller of api ${i}`, firstHere));
      restarted.add(origin);
      if (api !== undefined) await stop(api, by);
      apis[i] = await stack.startApi({ PORT: new URL(origin).port, PUBLIC_BASE_URL: origin });
      await expect.poll(() => inRotation.has(origin)).toBe(true);
      restarted.delete(origin);
    }
  }

  const batch = await createBatch(stack.openai(), numberedLines(batchLines));
  const restarts = { done: false };
  const restarting = restartAll().finally(() => (restarts.done = true));
  const kinds = ["sync", "async", "stream"] as const;
  async function call(i: number) {
    const told: Told[] = [];
    const kind = kinds[i % kinds.length] ?? "sync";
    // Spread over the time of a call, so that at any moment some callers have just begun to wait.
    await pause((i * callMs) / callers);
    while (!restarts.done) {
      told.push(await callOnce(kind, `Picture ${told.length} of caller ${i}`, anyOrigin));
    }
    return told;
  }
  const [history] = await Promise.all([Promise.all(Array.from({ length: callers }, (_, i) => call(i))), restarting]);
  const told = [...history.flat(), ...(await Promise.all(dismissed))];
  expect((await untilEnded(stack.openai(), batch.id)).request_counts).toEqual({
    total: batchLines,
    completed: batchLines,
    failed: 0,
  });
  over.abort();
  await probing;

  // Nobody met a broken connection, and no other error than a 503 that says when to come back. Some met that one.
  const failed = answers.filter(({ status }) => status === 0 || status >= 500);
  expect(failed.length).toBeGreaterThanOrEqual(apis.length);
  expect(failed.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null)).toEqual([]);
  // The history is whole: each caller got its image, and each image was bought once.
  expect(told.length).toBeGreaterThan(callers);
  expect(told.filter((one) => !hasImage(one))).toEqual([]);
  const generations = await everyGeneration(stack.redis.url);
  expect(generations.filter(({ status }) => status !== "succeeded")).toEqual([]);
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
  expect(generations.filter(({ batchId }) => batchId === null)).toHaveLength(told.length);
  expect(upstream.requests).toHaveLength(told.length + batchLines);
  console.info(
    `${told.length} calls in ${answers.length} answers, of which ${failed.length} were 503 with Retry-After`,
  );
});

function hasImage(told: Told): boolean {
  if (told.kind === "stream") return told.images === 1;
  return told.kind === "sync" ? told.status === 200 : told.status === "succeeded";
}

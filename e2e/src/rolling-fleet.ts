import { setTimeout as pause } from "node:timers/promises";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { processSchema, usageRowSchema } from "@darkroom/contracts";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { startBalancer } from "./balancer.ts";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { chaosCallers, type Told } from "./chaos-callers.ts";
import { everyGeneration } from "./every-generation.ts";
import type { Service } from "./service.ts";
import { startStack } from "./stack.ts";

/** A worker finishes all its calls, so that none is handed back and bought again. */
const ofWorkers = { SHUTDOWN_DEADLINE_MS: "120000" };

/** The defaults of a service. Other tests have no balancer that has to notice that an api stops. */
const ofApis = { SHUTDOWN_DEADLINE_MS: "25000", SHUTDOWN_DELAY_MS: "5000" };

/** What an api answered, or the connection that gave no answer. */
type Answer = {
  status: number;
  retryAfter: string | null;
  /** Which api, and how long after the beginning of its latest stop, in milliseconds. */
  origin: string;
  afterStopMs: number | undefined;
  error?: unknown;
};

/** How a process is stopped: by SIGTERM, or by its name through Redis. */
export type StopBy = "signal" | "name";

export type RollingFleetOptions = {
  apis: number;
  workers: number;
  /** How long each call of the provider takes, in milliseconds. */
  callMs: number;
  /** How many callers there are at a time: sync, async and streams in equal parts, beside a batch. */
  callers: number;
  batchLines: number;
  /** The checkout that all processes run at first; this one when left out. */
  from?: string;
};

/** A fleet whose processes are replaced one after the other while callers ask for images through a balancer. Taken down after the test. */
export async function startRollingFleet(options: RollingFleetOptions) {
  const { callMs, callers, batchLines, from } = options;
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: callMs });
  const adminKey = newApiKey();
  const stack = await startStack({
    apis: options.apis,
    workers: 0,
    ...(from !== undefined && { checkout: from }),
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      LOG_LEVEL: "info",
      WORKER_CONCURRENCY: "60",
      // A worker on a busy machine keeps its jobs.
      LOCK_DURATION_MS: "30000",
      ...ofApis,
    },
  });
  const apis: Service[] = [...stack.apis];
  const workers = await Promise.all(Array.from({ length: options.workers }, () => stack.startWorker(ofWorkers)));
  const origins = stack.apis.map(({ origin }) => origin);
  const balancer = startBalancer(origins);
  onTestFinished(balancer.stop);
  const stoppedAtMs = new Map<string, number>();
  const answers: Answer[] = [];

  async function ask(url: string, init: RequestInit): Promise<Response> {
    const { origin } = new URL(url);
    const note = (answer: Pick<Answer, "status" | "retryAfter" | "error">) => {
      const stoppedMs = stoppedAtMs.get(origin);
      answers.push({ ...answer, origin, afterStopMs: stoppedMs && performance.now() - stoppedMs });
    };
    try {
      const answer = await fetch(url, init);
      note({ status: answer.status, retryAfter: answer.headers.get("retry-after") });
      return answer;
    } catch (error) {
      note({ status: 0, retryAfter: null, error });
      throw error;
    }
  }

  const headers = { authorization: `Bearer ${adminKey}` };
  const admin = (path: string, method = "GET") => fetch(`${balancer.next()}${path}`, { method, headers });

  async function drainByName(pid: number): Promise<void> {
    const list = z.object({ data: z.array(processSchema) }).parse(await (await admin("/admin/processes")).json());
    const found = list.data.find((one) => one.pid === pid);
    expect((await admin(`/admin/processes/${found?.id}/drain`, "POST")).status).toBe(202);
  }

  async function stop(service: Service | undefined, by: StopBy): Promise<void> {
    if (service === undefined) throw new Error("There is no such process.");
    if (by === "signal") process.kill(service.pid, "SIGTERM");
    else await drainByName(service.pid);
    // With its last words, should it not have closed in time.
    expect([await service.exited, service.lines.slice(-3)]).toEqual([0, expect.anything()]);
  }

  async function replaceApi(i: number, by: StopBy, checkout = from): Promise<void> {
    const origin = origins[i] ?? "";
    stoppedAtMs.set(origin, performance.now());
    await stop(apis[i], by);
    apis[i] = await stack.startApi({ PORT: new URL(origin).port, PUBLIC_BASE_URL: origin }, { from: checkout });
    await expect.poll(() => balancer.has(origin)).toBe(true);
  }

  async function replaceWorker(i: number, by: StopBy, checkout = from): Promise<void> {
    await stop(workers[i], by);
    workers[i] = await stack.startWorker(ofWorkers, checkout);
  }

  const kinds = ["sync", "async", "stream"] as const;
  const callOnce = (kind: (typeof kinds)[number], prompt: string, origin = balancer.next): Promise<Told> => {
    const body = { model: "gpt-image-1", prompt, output_format: "jpeg" };
    return chaosCallers[kind]({ origin, apiKey: stack.apiKey, body, fetch: ask });
  };

  /** What the lines of all batches came to, in micros. Their records are not kept. */
  let batchCostMicros = 0;

  /** Has callers ask for images until `work` is done, and returns what each of them was told, once the batch has ended, too. */
  async function callWhile(work: () => Promise<void>): Promise<Told[]> {
    const batch = await createBatch(stack.openai(), numberedLines(batchLines));
    const working = { done: false };
    const worked = work().finally(() => (working.done = true));
    async function call(i: number): Promise<Told[]> {
      const told: Told[] = [];
      // Spread over the time of a call, so that at any moment some callers have just begun to wait.
      await pause((i * callMs) / callers);
      while (!working.done) {
        const kind = kinds[i % kinds.length] ?? "sync";
        told.push(await callOnce(kind, `Picture ${told.length} of caller ${i}`));
      }
      return told;
    }
    const [history] = await Promise.all([Promise.all(Array.from({ length: callers }, (_, i) => call(i))), worked]);
    const ended = await untilEnded(stack.openai(), batch.id);
    expect(ended.request_counts).toEqual({ total: batchLines, completed: batchLines, failed: 0 });
    batchCostMicros += ended.cost;
    return history.flat();
  }

  /** Nobody met a broken connection or another error than a 503 that says when to come back. Returns how many met that one. */
  function expectNoBrokenAnswer(): number {
    const failed = answers.filter(({ status }) => status === 0 || status >= 500);
    expect(failed.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null)).toEqual([]);
    return failed.length;
  }

  /** Each caller got its image, each accepted generation has ended once, each image was bought once, and the usage adds up. */
  async function expectCleanHistory(told: readonly Told[]): Promise<void> {
    expect(told.filter((one) => !hasImage(one))).toEqual([]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
    const generations = await everyGeneration(stack.redis.url);
    expect(generations.filter(({ status }) => status !== "succeeded")).toEqual([]);
    const ofCalls = generations.filter(({ batchId }) => batchId === null);
    expect(ofCalls.map(({ id }) => id).toSorted()).toEqual(told.map(({ id }) => id).toSorted());
    const images = told.length + batchLines;
    expect(upstream.requests).toHaveLength(images);
    const usage = await ask(`${balancer.next()}/v1/usage`, { headers: { authorization: `Bearer ${stack.apiKey}` } });
    const cost = ofCalls.reduce((sum, { costMicros }) => sum + (costMicros ?? 0), batchCostMicros);
    const { total } = z
      .object({ total: usageRowSchema.omit({ object: true, tenant: true }) })
      .parse(await usage.json());
    expect(total).toMatchObject({ generations: { succeeded: images, failed: 0 }, images, cost });
  }

  return {
    stack,
    upstream,
    origins,
    answers,
    balancer,
    callOnce,
    callWhile,
    replaceApi,
    replaceWorker,
    expectNoBrokenAnswer,
    expectCleanHistory,
  };
}

function hasImage(told: Told): boolean {
  if (told.kind === "stream") return told.images === 1;
  return told.kind === "sync" ? told.status === 200 : told.status === "succeeded";
}

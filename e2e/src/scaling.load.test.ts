import { setTimeout as pause } from "node:timers/promises";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { expect, test } from "vitest";
import type { Service } from "./service.ts";
import { startStack } from "./stack.ts";

const lane = "openai.interactive";
/** Jobs at a time of a worker, and how many of them are planned with. */
const concurrency = 5;
const plannedJobs = 4;
/** An api reads the fleet anew after a second, so a scrape a second later is of what came before it. */
const scrapeEveryMs = 1_100;

type Figures = { waiting: number; active: number; workers: number; desired: number };

/** A service without workers, and an operator's autoscaler that has as many as the gauge says. */
async function openFleet() {
  const adminKey = newApiKey();
  const stack = await startStack({
    workers: 0,
    environment: {
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      WORKER_LANES: `${lane}=${concurrency}`,
      SHUTDOWN_DEADLINE_MS: "1000",
    },
  });
  const asAdmin = { authorization: `Bearer ${adminKey}` };
  const asCaller = { authorization: `Bearer ${stack.apiKey}` };
  const load: string[] = [];
  const workers: Service[] = [];
  const wrong: Figures[] = [];

  async function submit(): Promise<string> {
    const headers = { ...asCaller, "content-type": "application/json", prefer: "respond-async" };
    // Each takes an hour, so the load is what was submitted and not canceled, however slow the machine is.
    const prompt = `Cat ${load.length} [sandbox:delay=3600000]`;
    const answer = await stack.generate({ model: "dall-e-2", size: "256x256", prompt }, { headers });
    expect(answer.status).toBe(202);
    return answer.headers.get("x-generation-id") ?? "";
  }

  async function cancel(id: string): Promise<void> {
    const answer = await fetch(`${stack.origin}/v1/generations/${id}/cancel`, { method: "POST", headers: asCaller });
    expect(answer.status).toBe(200);
  }

  /** One scrape, as Prometheus makes them: not sooner than its interval after the one before. */
  async function scrape(): Promise<Figures> {
    await pause(scrapeEveryMs);
    const text = await (await fetch(`${stack.origin}/metrics`, { headers: asAdmin })).text();
    const valueOf = (name: string) => Number(new RegExp(`^${name}\\{lane="${lane}"\\} (\\S+)$`, "m").exec(text)?.[1]);
    return {
      waiting: valueOf("darkroom_lane_waiting"),
      active: valueOf("darkroom_lane_active"),
      workers: valueOf("darkroom_lane_workers"),
      desired: valueOf("darkroom_workers_desired"),
    };
  }

  /** A scrape with workers. That its gauge is wrong is noted, so that a poll cannot pass over it. */
  async function scrapeRight(): Promise<Figures> {
    const told = await scrape();
    if (told.desired !== Math.ceil((told.waiting + told.active) / plannedJobs)) wrong.push(told);
    return told;
  }

  return {
    scrape,
    scrapeRight,
    /** Scrapes whose gauge was not right for the jobs that the same scrape told of. */
    wrong,
    /** Submits generations, or cancels the latest, until so many have not ended. */
    async loadOf(count: number): Promise<void> {
      while (load.length < count) load.push(await submit());
      await Promise.all(load.splice(count).map(cancel));
    },
    /** Starts and stops worker processes until there are so many. */
    async scaleTo(count: number): Promise<void> {
      const started = await Promise.all(
        Array.from({ length: Math.max(count - workers.length, 0) }, () => stack.startWorker()),
      );
      workers.push(...started);
      await Promise.all(workers.splice(count).map((worker) => worker.end("SIGTERM")));
    },
    async change(verb: "pause" | "resume"): Promise<void> {
      const answer = await fetch(`${stack.origin}/admin/lanes/${lane}/${verb}`, { method: "POST", headers: asAdmin });
      expect(answer.status).toBe(200);
    },
  };
}

test("a fleet that follows darkroom_workers_desired has from one to eight workers and back as the load is stepped, and none is desired while the lane is paused", async () => {
  const fleet = await openFleet();
  // Before the first worker has told its slots, a worker counts with twenty.
  await fleet.loadOf(4);
  expect(await fleet.scrape()).toEqual({ waiting: 4, active: 0, workers: 0, desired: 1 });
  await fleet.scaleTo(1);
  await expect.poll(fleet.scrape).toMatchObject({ workers: 1 });

  for (const { load, desired } of [
    { load: 4, desired: 1 },
    { load: 9, desired: 3 },
    { load: 32, desired: 8 },
    { load: 17, desired: 5 },
    { load: 3, desired: 1 },
  ]) {
    await fleet.loadOf(load);
    // A job that is canceled while it runs is at work until its worker has heard of that.
    await expect.poll(fleet.scrapeRight).toMatchObject({ desired });
    await fleet.scaleTo(desired);
    // What the autoscaler has started and stopped changes nothing of what it is told, and there is a slot for every job.
    await expect.poll(fleet.scrapeRight).toEqual({ waiting: 0, active: load, workers: desired, desired });
  }

  await fleet.loadOf(10);
  await expect.poll(fleet.scrapeRight).toMatchObject({ waiting: 5, active: 5 });
  await fleet.change("pause");
  expect(await fleet.scrape()).toEqual({ waiting: 5, active: 5, workers: 1, desired: 0 });
  await fleet.change("resume");
  expect((await fleet.scrapeRight()).desired).toBe(3);
  await fleet.loadOf(0);
  await expect.poll(fleet.scrapeRight).toEqual({ waiting: 0, active: 0, workers: 1, desired: 0 });
  expect(fleet.wrong).toEqual([]);
});

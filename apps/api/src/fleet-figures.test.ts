import { createLedger } from "@darkroom/accounts";
import { createMetrics } from "@darkroom/runtime";
import { loadCatalogue } from "@darkroom/models";
import { expect, test, vi } from "vitest";
import { joinWorker } from "@darkroom/redis/join-worker-fixture";
import { lanesOf, tellFleet } from "./fleet-figures.ts";
import { startApi, type TestApi } from "./api.fixture.ts";
import { request } from "./generation.fixture.ts";

const lane = "openai.interactive";

/** Has metrics of their own tell of the fleet of an api, and returns what reads them: name and labels → value. */
function scrapeFleet(api: TestApi, lanes: readonly string[] = [lane, "openai.batch"]) {
  const metrics = createMetrics({ ofProcess: false });
  const { redis, keys, prefix, store: objects } = api;
  const ledger = createLedger({ redis, prefix, objects, log: { warn() {} } });
  tellFleet({ connection: { redis, keys }, ledger, lanes, horizonMs: 30_000, metrics, freshForMs: 0 });
  return async (): Promise<Record<string, number>> => {
    const series = [
      ...(await metrics.render()).matchAll(
        /^darkroom_((?:lane|workers|webhook|ledger|batches|quarantine|redis)\S+) (\S+)$/gm,
      ),
    ];
    return Object.fromEntries(series.map(([, name = "", value]) => [name, Number(value)]));
  };
}

/** A worker of a lane with five slots, which does nothing. */
const joinIdle = ({ redis, keys }: TestApi, of: string) =>
  joinWorker({ redis, keys, slots: () => ({ lane: of, concurrency: 5, active: 0, paused: false }) });

const submit = (api: TestApi, count: number) =>
  Promise.all(Array.from({ length: count }, () => api.generate(request, { headers: { prefer: "respond-async" } })));

test("an idle fleet needs no worker, and Redis tells of itself", async () => {
  const api = await startApi();
  expect(await scrapeFleet(api)()).toMatchObject({
    [`lane_waiting{lane="${lane}"}`]: 0,
    [`lane_paused{lane="${lane}"}`]: 0,
    [`lane_oldest_age_seconds{lane="${lane}"}`]: 0,
    [`workers_desired{lane="${lane}"}`]: 0,
    'workers_desired{lane="openai.batch"}': 0,
    batches_unfinished: 0,
    webhooks_waiting: 0,
    ledger_waiting_entries: 0,
    ledger_lag_seconds: 0,
    quarantine_entries: 0,
    redis_used_memory_bytes: expect.toSatisfy((bytes) => bytes > 500_000),
    redis_max_memory_bytes: 0,
    redis_noeviction: 1,
    redis_round_trip_seconds: expect.toSatisfy((seconds) => seconds > 0),
  });
});

test("before the first worker of a lane the number of workers counts with twenty slots each, and then with theirs", async () => {
  const api = await startApi();
  const scrape = scrapeFleet(api);
  await submit(api, 17);
  expect(await scrape()).toMatchObject({
    [`lane_waiting{lane="${lane}"}`]: 17,
    [`workers_desired{lane="${lane}"}`]: 2,
  });
  await joinIdle(api, lane);
  expect(await scrape()).toMatchObject({ [`lane_workers{lane="${lane}"}`]: 1, [`workers_desired{lane="${lane}"}`]: 5 });
});

test("a lane that only workers know is told, too", async () => {
  const api = await startApi();
  await joinIdle(api, "odd.batch");
  expect(await scrapeFleet(api)()).toMatchObject({ 'lane_workers{lane="odd.batch"}': 1 });
});

test("a lane whose keys are damaged hides neither the other lanes nor anything else", async () => {
  const api = await startApi();
  await submit(api, 3);
  await api.redis.set(`${api.keys.lanes}:openai.batch:prioritized`, "of another type");
  await api.redis.set(api.keys.laneServices, "of another type");
  const told = await scrapeFleet(api)();
  expect(told).toMatchObject({ [`lane_waiting{lane="${lane}"}`]: 3, quarantine_entries: 0 });
  expect(Object.keys(told).filter((name) => name.includes("openai.batch"))).toEqual([]);
});

test("two scrapes at a time ask once for the figures of a lane", async () => {
  const api = await startApi();
  const { redis, keys, prefix, store: objects } = api;
  const metrics = createMetrics({ ofProcess: false });
  const ledger = createLedger({ redis, prefix, objects, log: { warn() {} } });
  const evalsha = vi.spyOn(redis, "evalsha");
  const lanes = lanesOf({ models: loadCatalogue().models });
  expect(lanes).toContain(lane);
  tellFleet({ connection: { redis, keys }, ledger, lanes, horizonMs: 30_000, metrics, freshForMs: 60_000 });
  await Promise.all([metrics.render(), metrics.render()]);
  for (const one of lanes)
    expect(evalsha.mock.calls.filter((args) => args.includes(`${keys.lanes}:${one}:`))).toHaveLength(1);
});

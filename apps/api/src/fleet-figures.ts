import type { Ledger } from "@darkroom/accounts";
import type { QueueConnection } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { infoField, type LaneService, readLaneServices } from "@darkroom/redis";
import { laneName, readLaneFigures, scaleLane } from "@darkroom/queue";
import { createFreshReading, type Metrics, type Sample } from "@darkroom/runtime";

export type FleetFiguresOptions = {
  /** A connection that is only read by. */
  connection: QueueConnection;
  ledger: Pick<Ledger, "backlog">;
  /** The lanes of the catalogue. Those that workers tell of are told, too. */
  lanes: readonly string[];
  /** Within which time the jobs in line are to begin, in milliseconds. */
  horizonMs: number;
  metrics: Metrics;
  /** How long a reading is good for, in milliseconds: one scrape asks for each once, and two scrapers together do so. */
  freshForMs?: number;
};

/** What a worker has that tells nothing else: the default of WORKER_CONCURRENCY. It counts until the first worker of a lane has started. */
const unknownService: LaneService = { workers: 0, concurrency: 20, serviceMs: null };

/** The lanes of all models of a catalogue, the interactive and the batch lane of each provider. */
export const lanesOf = ({ models }: Pick<Catalogue, "models">): string[] =>
  [...new Set(models.map(({ provider }) => provider))].flatMap((provider) => [
    laneName(provider, "interactive"),
    laneName(provider, "batch"),
  ]);

/**
 * Has the metrics tell of the whole fleet: lanes, batches, webhooks, the ledger and Redis. It is read when this process is scraped, and at no
 * other time (docs/decisions/0055-fleet-figures-are-read-at-the-scrape.md). What cannot be read hides nothing else.
 */
export function tellFleet(options: FleetFiguresOptions): void {
  tellLanes(options);
  tellBacklogs(options);
  tellRedis(options);
}

function tellLanes({ connection, lanes, horizonMs, metrics, freshForMs = 1_000 }: FleetFiguresOptions): void {
  async function readLanes() {
    const services = await readLaneServices(connection).catch(() => new Map<string, LaneService>());
    const read = await Promise.allSettled(
      [...new Set([...lanes, ...services.keys()])].map((lane) => readLaneFigures(connection, lane)),
    );
    return read.flatMap((one) => {
      if (one.status === "rejected") return [];
      const figures = one.value;
      const service = services.get(figures.lane) ?? unknownService;
      return [{ ...figures, ...service, ...scaleLane({ figures, service, horizonMs }) }];
    });
  }
  type Lane = Awaited<ReturnType<typeof readLanes>>[number];

  const lanesNow = createFreshReading(readLanes, { freshForMs });
  const byLane = (valueOf: (lane: Lane) => number | null) => async (): Promise<Sample[]> =>
    (await lanesNow()).flatMap((one) => {
      const value = valueOf(one);
      return value === null ? [] : [{ labels: { lane: one.lane }, value }];
    });
  metrics.laneWaiting.readFrom(byLane(({ waiting }) => waiting));
  metrics.laneActive.readFrom(byLane(({ active }) => active));
  metrics.laneDelayed.readFrom(byLane(({ delayed }) => delayed));
  metrics.laneOldest.readFrom(byLane(({ oldestAgeMs }) => (oldestAgeMs ?? 0) / 1_000));
  metrics.lanePaused.readFrom(byLane(({ paused }) => Number(paused)));
  metrics.laneClosed.readFrom(byLane(({ closedMs }) => closedMs / 1_000));
  metrics.laneWorkers.readFrom(byLane(({ workers }) => workers));
  metrics.laneService.readFrom(byLane(({ serviceMs }) => (serviceMs === null ? null : serviceMs / 1_000)));
  metrics.workersDesired.readFrom(byLane(({ workersDesired }) => workersDesired));
  metrics.laneSaturation.readFrom(byLane(({ saturation }) => saturation));
}

function tellBacklogs({ connection: { redis, keys }, ledger, metrics, freshForMs = 1_000 }: FleetFiguresOptions): void {
  const backlog = createFreshReading(() => ledger.backlog(), { freshForMs });
  metrics.ledgerEntries.readFrom(async () => one((await backlog()).entries));
  metrics.ledgerLag.readFrom(async () => one(((await backlog()).oldestAgeMs ?? 0) / 1_000));
  metrics.batches.readFrom(async () => one(await redis.zcard(keys.activeBatches)));
  metrics.webhooksWaiting.readFrom(async () => one(await redis.zcard(keys.deliveries)));
  metrics.outbox.readFrom(async () => one(await redis.zcard(keys.outbox)));
  metrics.quarantineEntries.readFrom(async () => one(await redis.hlen(keys.quarantine)));
}

function tellRedis({ connection: { redis }, metrics, freshForMs = 1_000 }: FleetFiguresOptions): void {
  const memory = createFreshReading(async () => redis.info("memory"), { freshForMs });
  const field = async (name: string) => infoField(await memory(), name) ?? "";
  metrics.redisMemory.readFrom(async () => one(Number(await field("used_memory"))));
  metrics.redisMaxMemory.readFrom(async () => one(Number(await field("maxmemory"))));
  metrics.redisNoEviction.readFrom(async () => one(Number((await field("maxmemory_policy")) === "noeviction")));
  metrics.redisRoundTrip.readFrom(async () => {
    const sinceMs = performance.now();
    await redis.ping();
    return one((performance.now() - sinceMs) / 1_000);
  });
}

const one = (value: number): Sample[] => [{ value }];

import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { connectWorker, createFleet, createKeys, redisTime, untilConnected } from "@darkroom/redis";
import { openShiftedClock } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { spendHour } from "./one-hour.ts";
import { type KindCount, takeCensus } from "./redis-census.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

/** Eight by its own command, `pnpm hours`; a short form with all other tests. */
const hours = Number(process.env["SIMULATED_HOURS"] ?? 3);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const clock = await openShiftedClock();
const prefix = "darkroom";
const keys = createKeys(prefix);

/** What is kept for days, and grows with the work until then. Of these all but `keys` and `keys-deleted` expire by themselves. */
const keptForDays = [
  "delivery",
  "delivery-index",
  "usage",
  "usage-tenants",
  "key",
  "account",
  // Until the first deletion of a key that is a day younger.
  "keys",
  "keys-deleted",
];

/** Streams of BullMQ, which are cut to a hundred entries by whole nodes of as many. */
const cutStreams = "lane events";
const longestStream = 250;

/** Redis rounds what it allocates, and has buffers for what it was asked last. */
const buffersBytes = 512 * 1_024;

test.skipIf(clock === null)(
  `after each of ${hours} hours, and after a year, Redis and the object store hold what they held after the first`,
  async () => {
    if (clock === null) throw new Error("There is a clock");
    onTestFinished(() => clock.close());
    // At one o'clock: no midnight, at which a day of the ledger is closed, is within these hours.
    await clock.forward(dayMs + hourMs - (Date.now() % dayMs));
    const receiver = await startWebhookReceiver();
    onTestFinished(() => receiver.close());
    const adminKey = newApiKey();
    const stack = await startStack({
      workers: 2,
      redisEnvironment: clock.environment,
      environment: {
        ...clock.environment,
        ADMIN_KEY_SHA256: hashApiKey(adminKey),
        RETENTION_SECONDS: "3600",
        IDEMPOTENCY_SECONDS: "3600",
        TOMBSTONE_SECONDS: "3600",
        LEDGER_EXPORT_INTERVAL_MS: "500",
        WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
        WEBHOOK_ALLOW_PRIVATE: "true",
        WEBHOOK_ALLOW_INSECURE: "true",
        LOG_LEVEL: "info",
      },
    });
    const redis = connectWorker(stack.redis.url, () => {});
    onTestFinished(() => redis.disconnect());
    await untilConnected(redis, 5_000);
    const fleet = createFleet({ redis, keys });
    /** Workers that take part in background tasks by the clock as it is now. */
    const taskWorkers = async () => {
      const [nowMs, told] = await Promise.all([redisTime(redis), redis.hvals(keys.taskWorkers)]);
      return told.filter((text) => Number.parseInt(text, 10) > nowMs).length;
    };

    const lengths = (lists: readonly string[]) => Promise.all(lists.map((list) => redis.zcard(list)));
    const underWay = [keys.queued, keys.running, keys.activeBatches, keys.outbox, keys.deliveries];
    const ended = [
      keys.retained,
      keys.endedBatches,
      ...["files-expiring", "files-dropping"].map((kind) => `${prefix}:${kind}`),
    ];
    const nothing = async (lists: readonly string[]) =>
      expect.poll(() => lengths(lists), { timeout: 30_000 }).toEqual(lists.map(() => 0));

    /** What is left an hour after an hour of work. */
    async function spend(hour: number): Promise<Left> {
      await spendHour({ origin: stack.origin, apiKey: stack.apiKey, adminKey, webhookUrl: receiver.url, hour });
      await nothing(underWay);
      await clock?.forward(hourMs);
      await nothing(ended);
      await expect.poll(() => redis.keys(`${prefix}:ledger:*`)).toEqual([]);
      // What a process told before the clock was set forward counts no more, and is removed by the first that tells something after it. So all
      // have told of themselves again.
      await expect.poll(taskWorkers).toBe(2);
      await expect.poll(async () => (await fleet.list()).map(({ kind }) => kind)).toEqual(["api", "worker", "worker"]);
      const census = await takeCensus(redis, prefix);
      const memory = Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
      const entries = await readdir(stack.images, { recursive: true, withFileTypes: true });
      const objects = entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => relative(stack.images, join(parentPath, name)))
        .filter((object) => !object.startsWith("objects/_ledger/"));
      report(hour, census, memory, objects.length);
      return { census, memory, objects };
    }

    const first = await spend(1);
    // A check that looked at nothing would show nothing.
    for (const kind of ["delivery", "usage", "key", "tombstones", "lane events"])
      expect([...first.census.keys()]).toContain(kind);
    for (let hour = 2; hour <= hours; hour++) {
      const { census, memory, objects } = await spend(hour);
      expect(lasting(census), `hour ${hour}`).toEqual(lasting(first.census));
      expect(objects, `hour ${hour}`).toEqual([]);
      for (const kind of ["delivery", "delivery-index", "usage", "usage-tenants", "key"])
        expect([kind, census.get(kind)?.lasting]).toEqual([kind, 0]);
      const grown = memory - first.memory - (bytesOf(census, keptForDays) - bytesOf(first.census, keptForDays));
      expect(grown, `hour ${hour}`).toBeLessThan(buffersBytes);
    }

    await clock.forward(401 * dayMs);
    const { census, objects } = await spend(hours + 1);
    // How far the export of a day has come is kept for some days from its end, which was a moment ago.
    expect(lasting(census, ["ledger-export"])).toEqual(lasting(first.census, ["ledger-export"]));
    expect(census.get("ledger-export")?.lasting).toBe(1);
    expect(objects).toEqual([]);
  },
  hours * 60_000 + 120_000,
);

type Left = { census: Map<string, KindCount>; memory: number; objects: string[] };

/** How many keys there are of each kind, and members in them, without the kinds that are left out. */
function lasting(census: ReadonlyMap<string, KindCount>, without: readonly string[] = keptForDays) {
  expect(census.get(cutStreams)?.members).toBeLessThan(longestStream * (census.get(cutStreams)?.keys ?? 0));
  return Object.fromEntries(
    [...census]
      // An audit, which begins whenever one is due, has sums of its own while it counts.
      .filter(([kind]) => !without.includes(kind) && !kind.startsWith("audit"))
      // Members of the sums of a day depend on how its generations ended, and streams are cut when BullMQ finds it worth its while.
      .map(([kind, { keys: count, members }]) => [
        kind,
        kind === cutStreams || kind === "usage" ? { count } : { count, members },
      ]),
  );
}

const bytesOf = (census: ReadonlyMap<string, KindCount>, kinds: readonly string[]): number =>
  kinds.reduce((sum, kind) => sum + (census.get(kind)?.bytes ?? 0), 0);

/** A row for each hour, where the long form is run by its own command. */
function report(hour: number, census: ReadonlyMap<string, KindCount>, memory: number, objects: number): void {
  if (process.env["SIMULATED_HOURS"] === undefined) return;
  const count = [...census.values()].reduce((sum, { keys: some }) => sum + some, 0);
  const forDays = keptForDays.reduce((sum, kind) => sum + (census.get(kind)?.keys ?? 0), 0);
  console.log(
    `hour ${hour}: ${count - forDays} keys, ${forDays} that are kept for days, ${objects} objects, ${memory} bytes of Redis`,
  );
}

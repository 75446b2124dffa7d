import type { UsageRow } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { type Measure, measures } from "./count-usage.ts";
import type { LedgerKeys } from "./ledger-keys.ts";
import { addMeasure, noUsage } from "./usage-sums.ts";
import { daysFrom } from "./usage-days.ts";

export const usageDimensions = ["day", "model", "key"] as const;
type UsageDimension = (typeof usageDimensions)[number];

/** As many days as are kept. */
export const maxUsageDays = 400;

export type UsageQuery = {
  /** Only usage of this tenant; absent: of all. */
  tenant?: string | undefined;
  /** Only usage of this key. */
  keyId?: string | undefined;
  /** First and last day, UTC, both included; at most `maxUsageDays`. */
  from: string;
  to: string;
  /** The dimensions of rows, besides the tenant. */
  groupBy: readonly UsageDimension[];
  /** Whether rows have what the providers charge. For the admin. */
  ofProvider: boolean;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

/** Commands at a time. Their answers have a megabyte or two at most, also for tenants with hundreds of keys. */
const chunk = 50;

/** Reads usage from the sums of each day, sorted by day, tenant, key and model. */
export async function readUsage(redis: Redis, keys: LedgerKeys, query: UsageQuery): Promise<UsageRow[]> {
  const days = daysFrom(query.from, query.to);
  if (days.length > maxUsageDays) throw new RangeError(`A usage of ${days.length} days: at most ${maxUsageDays}.`);
  const places = await placesOf(redis, keys, days, query);
  const hashes = await inChunks(places, query, ({ day, tenant }) => redis.hgetall(keys.usage(day, tenant)));

  const rows = new Map<string, UsageRow>();
  for (const [index, { day, tenant }] of places.entries()) {
    for (const [field, sum] of Object.entries(hashes[index] ?? {})) {
      const { keyId, model, measure } = partsOf(field);
      if (measure === undefined || (query.keyId !== undefined && keyId !== query.keyId)) continue;
      const place = {
        ...(query.groupBy.includes("day") && { day }),
        tenant,
        ...(query.groupBy.includes("key") && { key_id: keyId }),
        ...(query.groupBy.includes("model") && { model }),
      };
      const name = Object.values(place).join(" ");
      const row = rows.get(name) ?? { object: "usage", ...place, ...noUsage(query.ofProvider) };
      rows.set(name, row);
      addMeasure(row, measure, Number(sum));
    }
  }
  // No name holds a blank, and a blank sorts before all that a name may hold.
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

type Place = { day: string; tenant: string };

async function placesOf(
  redis: Redis,
  keys: LedgerKeys,
  days: string[],
  { tenant, signal }: Pick<UsageQuery, "tenant" | "signal">,
): Promise<Place[]> {
  if (tenant !== undefined) return days.map((day) => ({ day, tenant }));
  const tenants = await inChunks(days, { signal }, (day) => redis.smembers(keys.usageTenants(day)));
  return days.flatMap((day, index) => (tenants[index] ?? []).map((one) => ({ day, tenant: one })));
}

/** One answer for each item, in their order. Commands of one turn go to Redis in one write. */
async function inChunks<Item, Answer>(
  items: readonly Item[],
  { signal }: Pick<UsageQuery, "signal">,
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < items.length; start += chunk) {
    signal?.throwIfAborted();
    answers.push(...(await Promise.all(items.slice(start, start + chunk).map(ask))));
  }
  return answers;
}

/** `{keyId} {model} {measure}`. Unknown measures, those of a later version, are skipped. */
function partsOf(field: string): { keyId: string; model: string; measure: Measure | undefined } {
  const [keyId = "", model = "", name] = field.split(" ");
  return { keyId, model, measure: measures.find((measure) => measure === name) };
}

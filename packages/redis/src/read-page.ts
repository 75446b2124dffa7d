import type { Redis } from "ioredis";
import { z } from "zod";
import { defineScript } from "./define-script.ts";
import { isDamage } from "./quarantine/explain-error.ts";

const matchFields = defineScript(new URL("scripts/match-fields.lua", import.meta.url), z.array(z.int()));

/** Where an entry stands in an index. Entries with the same score are in the order of their ids, as Redis sorts them. */
type Position = { score: number; id: string };

/** Fields of a record as Redis has them. */
type Hash = Readonly<Record<string, Buffer>>;

/** What was read of a record: an error where its key holds something else. */
type Read = Hash | Error;

/** A record that is there and that this release cannot read: a newer one wrote it, or it is damaged. */
export type UnreadableRecord = { id: string; error: unknown };

export type PageOptions<Entry> = {
  redis: Redis;
  /** A ZSET of ids by the time of their creation. The score of an id never changes. */
  index: string;
  /** Whether the page goes from newer to older entries, or from older to newer ones. */
  towards: "oldest" | "newest";
  /** The page begins behind this id. Absent: at the beginning. */
  from?: string | undefined;
  /** Only entries with a score from `oldest` to `newest`, both included. Absent: all. */
  scores?: { oldest?: number | undefined; newest?: number | undefined } | undefined;
  /** The score that an id had which is no longer in the index; null where it never was, or is not remembered. */
  formerScore: (id: string) => Promise<number | null>;
  /** The most entries of a page. */
  limit: number;
  /** The most bytes that are read for a page: it ends early, with more to come, where another record would exceed them. One fits always. */
  maxBytes?: number;
  /** The HASH of an entry. */
  recordKey: (id: string) => string;
  /** The fields of that hash that are read. Absent: all. */
  fields?: readonly string[] | undefined;
  /** Fields and the values that they must have. Redis compares them for many records at once, and only those that match are read. */
  filter?: Readonly<Record<string, string>> | undefined;
  /** Where a record has this field, all of it is read, and its fields are what `unpack` makes of it. That may throw: see `decode`. */
  packed?: { field: string; unpack: (id: string, hash: Hash) => Record<string, string> } | undefined;
  /** Reads what was read of the hash. Null: there is no such record any more. What it throws makes the record unreadable. */
  decode: (fields: Record<string, string>, id: string) => Entry | null;
  /** Absent: all entries are wanted. For what the fields alone do not say, or small records. */
  isWanted?: ((entry: Entry) => boolean) | undefined;
  /** The most records read at once. Fewer are read where they are large. */
  readAtOnce?: number;
  /** The most entries that are passed over. Then the page ends short, with more to come. */
  maxPassedOver?: number;
  /** Ends the reading: its reason is thrown. Absent: nothing does. */
  signal?: AbortSignal | undefined;
};

export type Page<Entry> = {
  records: Entry[];
  /** The id that the next page begins behind, whether or not it is among the records. Null where there was none to look at. */
  cursor: string | null;
  hasMore: boolean;
  /** What was left out because it cannot be read. */
  unreadable: UnreadableRecord[];
  /** What was read for it, in bytes: the work that it was. */
  bytes: number;
};

/** Half a megabyte is decoded and written as JSON in some five milliseconds, in which this process does nothing else. */
const defaultMaxBytes = 524_288;
/** Of records whose size is not known yet: four of generations with the longest prompts are half a megabyte. */
const readFirst = 4;
/** Small ones take Redis some microseconds each. */
const defaultReadAtOnce = 50;
/** A few fields of two hundred records take Redis a fraction of a millisecond, and the api as long as one command. */
const lookAtOnce = 200;
/** What it takes to look at an entry is the work of reading so many bytes. */
const bytesPerLook = 500;
/** A filter that matches nearly nothing must not read a tenant's whole history in one call. */
const defaultMaxPassedOver = 2_000;

/**
 * Reads one page of records that an index lists by time. Every step goes on from the score and the id of the entry before it, so
 * entries that are added or removed meanwhile neither repeat nor hide others. Returns null where `from` is not in the index and its
 * former score is not known either.
 */
export async function readPage<Entry>(options: PageOptions<Entry>): Promise<Page<Entry> | null> {
  const { redis, index, from, formerScore, limit, isWanted = () => true, signal } = options;
  const { maxBytes = defaultMaxBytes, maxPassedOver = defaultMaxPassedOver } = options;
  const { readAtOnce = defaultReadAtOnce } = options;
  const records: Entry[] = [];
  const unreadable: UnreadableRecord[] = [];
  let last: Position | null = null;
  if (from !== undefined) {
    const score = await redis.zscore(index, from).then((text) => (text === null ? formerScore(from) : Number(text)));
    if (score === null) return null;
    last = { score, id: from };
  }
  let cursor: string | null = null;
  let passedOver = 0;
  let bytes = 0;
  let read = 0;
  let looks = 0;
  /** As many as are likely to fit into the page. */
  const countAtOnce = () => {
    const fitting = read === 0 ? readFirst : Math.floor(((maxBytes - bytes) * read) / Math.max(bytes, 1));
    return Math.max(1, Math.min(fitting, readAtOnce));
  };
  const finish = (hasMore: boolean): Page<Entry> => ({
    records,
    cursor,
    hasMore,
    unreadable,
    bytes: bytes + looks * bytesPerLook,
  });

  for (;;) {
    signal?.throwIfAborted();
    // As many as are missing, and more after each look that brought few of them.
    const count = Math.min(Math.max(limit - records.length, passedOver), Math.max(lookAtOnce, readAtOnce));
    // One more than is looked at says whether there is more.
    const found = await positionsBehind(options, last, count + 1);
    const looked = found.slice(0, count);
    looks += looked.length;
    const wanted = await filterPositions(options, looked);
    for (let start = 0, end = 0; start < looked.length; start = end) {
      signal?.throwIfAborted();
      end = endOfStretch(wanted, start, countAtOnce());
      const stretch = looked.slice(start, end);
      const hashes = await readWanted(options, stretch, wanted.slice(start, end));
      for (const [i, position] of stretch.entries()) {
        if (passedOver === maxPassedOver) return finish(true);
        const fields = fieldsOrError(options, position.id, hashes[i] ?? {});
        bytes += fields instanceof Error ? 0 : sizeOf(fields);
        if (wanted[start + i] === true) read++;
        if (bytes > maxBytes && records.length > 0) return finish(true);
        last = position;
        cursor = position.id;
        const entry = decodeOrNote(options.decode, fields, cursor, unreadable);
        if (entry === null || !isWanted(entry)) passedOver++;
        else if (records.push(entry) === limit) return finish(start + i + 1 < found.length);
      }
    }
    if (found.length <= count) return finish(false);
  }
}

/** Which of some entries match the filter. */
async function filterPositions(
  { redis, filter, recordKey }: Pick<PageOptions<unknown>, "redis" | "filter" | "recordKey">,
  positions: readonly Position[],
): Promise<boolean[]> {
  if (filter === undefined || positions.length === 0) return positions.map(() => true);
  const keys = positions.map(({ id }) => recordKey(id));
  const matching = new Set(await matchFields(redis, keys, Object.entries(filter).flat()));
  return positions.map((_, i) => matching.has(i + 1));
}

/** Reads the records that are wanted, and nothing for the others. */
async function readWanted(
  { redis, fields, packed, recordKey }: Pick<PageOptions<unknown>, "redis" | "fields" | "packed" | "recordKey">,
  positions: readonly Position[],
  wanted: readonly boolean[],
): Promise<Read[]> {
  const keys = positions.filter((_, i) => wanted[i]).map(({ id }) => recordKey(id));
  const hashes = await readHashes(redis, keys, packed && fields ? [...fields, packed.field] : fields);
  if (packed !== undefined && fields !== undefined) {
    const isPacked = hashes.map((hash) => !(hash instanceof Error) && hash[packed.field] !== undefined);
    const whole = (
      await readHashes(
        redis,
        keys.filter((_, i) => isPacked[i]),
        undefined,
      )
    ).values();
    for (const [i, is] of isPacked.entries()) if (is) hashes[i] = whole.next().value ?? {};
  }
  const read = hashes.values();
  return wanted.map((isWanted) => (isWanted ? (read.next().value ?? {}) : {}));
}

/** The end of the longest stretch from `start` on in which at most so many entries are wanted. */
function endOfStretch(wanted: readonly boolean[], start: number, most: number): number {
  let count = 0;
  const end = wanted.findIndex((isWanted, i) => i >= start && isWanted && ++count > most);
  return end === -1 ? wanted.length : end;
}

const sizeOf = (fields: Record<string, string>): number =>
  Object.values(fields).reduce((bytes, value) => bytes + Buffer.byteLength(value), 0);

function fieldsOrError(
  { packed, fields }: Pick<PageOptions<unknown>, "packed" | "fields">,
  id: string,
  hash: Read,
): Record<string, string> | Error {
  if (hash instanceof Error) return hash;
  if (packed === undefined || hash[packed.field] === undefined) return asText(hash);
  try {
    const unpacked = packed.unpack(id, hash);
    if (fields === undefined) return unpacked;
    return Object.fromEntries(Object.entries(unpacked).filter(([name]) => fields.includes(name)));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error), { cause: error });
  }
}

const asText = (hash: Hash): Record<string, string> =>
  Object.fromEntries(Object.entries(hash).map(([name, value]) => [name, value.toString()]));

function decodeOrNote<Entry>(
  decode: PageOptions<Entry>["decode"],
  fields: Record<string, string> | Error,
  id: string,
  unreadable: UnreadableRecord[],
): Entry | null {
  try {
    if (fields instanceof Error) throw fields;
    return decode(fields, id);
  } catch (error) {
    unreadable.push({ id, error });
    return null;
  }
}

/** Up to `count` positions behind `last`, in the order of the page. */
async function positionsBehind(
  { redis, index, towards, scores }: Pick<PageOptions<unknown>, "redis" | "index" | "towards" | "scores">,
  last: Position | null,
  count: number,
): Promise<Position[]> {
  const newest = Math.min(scores?.newest ?? Infinity, towards === "oldest" ? (last?.score ?? Infinity) : Infinity);
  const oldest = Math.max(scores?.oldest ?? -Infinity, towards === "newest" ? (last?.score ?? -Infinity) : -Infinity);
  const [highest, lowest] = [redisScore(newest), redisScore(oldest)];
  const isBehind = ({ score, id }: Position): boolean => {
    if (last === null || score !== last.score) return true;
    return towards === "oldest" ? id < last.id : id > last.id;
  };
  // Redis can begin at a score and not at an id within it: entries of the same score are read again and left out here. Where they are
  // many, more are read from the same score on. An offset would miss some when others are removed in between.
  for (let reach = count + 1; ; reach *= 2) {
    const answer =
      towards === "oldest"
        ? await redis.zrange(index, highest, lowest, "BYSCORE", "REV", "LIMIT", 0, reach, "WITHSCORES")
        : await redis.zrange(index, lowest, highest, "BYSCORE", "LIMIT", 0, reach, "WITHSCORES");
    const found = pairs(answer);
    const behind = found.filter(isBehind);
    if (behind.length >= count || found.length < reach) return behind.slice(0, count);
  }
}

const redisScore = (score: number): string => (Number.isFinite(score) ? String(score) : score > 0 ? "+inf" : "-inf");

function pairs(answer: readonly string[]): Position[] {
  const positions: Position[] = [];
  for (let i = 0; i < answer.length; i += 2) positions.push({ id: answer[i] ?? "", score: Number(answer[i + 1]) });
  return positions;
}

/**
 * Some fields of hashes, or all of them. A field that is not there is left out. A key that holds something else makes no other record
 * unreadable.
 */
async function readHashes(
  redis: Redis,
  keys: readonly string[],
  fields: readonly string[] | undefined,
): Promise<Read[]> {
  if (keys.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const key of keys) {
    if (fields === undefined) pipeline.hgetallBuffer(key);
    else pipeline.hmgetBuffer(key, ...fields);
  }
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, answer]) => {
    if (error !== null && isDamage(error)) return error;
    if (error) throw error;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what HGETALL answers; a pipeline's answers are untyped
    if (fields === undefined) return answer as Hash;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what HMGET answers
    const values = answer as (Buffer | null)[];
    return Object.fromEntries(
      fields.flatMap((name, i) => {
        const value = values[i] ?? null;
        return value === null ? [] : [[name, value]];
      }),
    );
  });
}

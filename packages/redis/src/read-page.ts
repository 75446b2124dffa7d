import type { Redis } from "ioredis";

/** Where an entry stands in an index. Entries with the same score are in the order of their ids, as Redis sorts them. */
type Position = { score: number; id: string };

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
  /** The score that an id had which is no longer in the index; null where it never was, or is not remembered. */
  formerScore: (id: string) => Promise<number | null>;
  /** The most entries of a page. */
  limit: number;
  /** The HASH of an entry. */
  recordKey: (id: string) => string;
  /** Reads that hash. Null: there is no such record any more. What it throws makes the record unreadable. */
  decode: (fields: Record<string, string>, id: string) => Entry | null;
  /** Absent: all entries are wanted. */
  isWanted?: ((entry: Entry) => boolean) | undefined;
  /** The most records read at once. */
  readAtOnce?: number;
  /** The most entries that are passed over. Then the page ends short, with more to come. */
  maxPassedOver?: number;
};

export type Page<Entry> = {
  records: Entry[];
  /** The id that the next page begins behind, whether or not it is among the records. Null where there was none to look at. */
  cursor: string | null;
  hasMore: boolean;
  /** What was left out because it cannot be read. */
  unreadable: UnreadableRecord[];
};

/** A hundred records of generations with long prompts hold Redis for some milliseconds. */
const defaultReadAtOnce = 100;
/** A filter that matches nearly nothing must not read a tenant's whole history in one call. */
const defaultMaxPassedOver = 2_000;

/**
 * Reads one page of records that an index lists by time. Every step goes on from the score and the id of the entry before it, so
 * entries that are added or removed meanwhile neither repeat nor hide others. Returns null where `from` is not in the index and its
 * former score is not known either.
 */
export async function readPage<Entry>(options: PageOptions<Entry>): Promise<Page<Entry> | null> {
  const { redis, index, from, formerScore, limit, isWanted = () => true } = options;
  const { readAtOnce = defaultReadAtOnce, maxPassedOver = defaultMaxPassedOver } = options;
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
  const finish = (hasMore: boolean): Page<Entry> => ({ records, cursor, hasMore, unreadable });

  for (;;) {
    // As many as are missing, and more after each read that brought few of them.
    const count = Math.min(Math.max(limit - records.length, passedOver), readAtOnce);
    // One more than is read says whether there is more.
    const found = await positionsBehind(options, last, count + 1);
    const read = found.slice(0, count);
    const hashes = await readHashes(
      redis,
      read.map(({ id }) => options.recordKey(id)),
    );
    for (const [i, position] of read.entries()) {
      if (passedOver === maxPassedOver) return finish(true);
      last = position;
      cursor = position.id;
      const entry = decodeOrNote(options.decode, hashes[i] ?? {}, cursor, unreadable);
      if (entry === null || !isWanted(entry)) passedOver++;
      else if (records.push(entry) === limit) return finish(i + 1 < found.length);
    }
    if (found.length <= count) return finish(false);
  }
}

function decodeOrNote<Entry>(
  decode: PageOptions<Entry>["decode"],
  fields: Record<string, string>,
  id: string,
  unreadable: UnreadableRecord[],
): Entry | null {
  try {
    return decode(fields, id);
  } catch (error) {
    unreadable.push({ id, error });
    return null;
  }
}

/** Up to `count` positions behind `last`, in the order of the page. */
async function positionsBehind(
  { redis, index, towards }: Pick<PageOptions<unknown>, "redis" | "index" | "towards">,
  last: Position | null,
  count: number,
): Promise<Position[]> {
  const isBehind = ({ score, id }: Position): boolean => {
    if (last === null || score !== last.score) return true;
    return towards === "oldest" ? id < last.id : id > last.id;
  };
  // Redis can begin at a score and not at an id within it: entries of the same score are read again and left out here. Where they are
  // many, more are read from the same score on. An offset would miss some when others are removed in between.
  for (let reach = count + 1; ; reach *= 2) {
    const answer =
      towards === "oldest"
        ? await redis.zrange(index, last?.score ?? "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 0, reach, "WITHSCORES")
        : await redis.zrange(index, last?.score ?? "-inf", "+inf", "BYSCORE", "LIMIT", 0, reach, "WITHSCORES");
    const found = pairs(answer);
    const behind = found.filter(isBehind);
    if (behind.length >= count || found.length < reach) return behind.slice(0, count);
  }
}

function pairs(answer: readonly string[]): Position[] {
  const positions: Position[] = [];
  for (let i = 0; i < answer.length; i += 2) positions.push({ id: answer[i] ?? "", score: Number(answer[i + 1]) });
  return positions;
}

async function readHashes(redis: Redis, keys: readonly string[]): Promise<Record<string, string>[]> {
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.hgetall(key);
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, fields]) => {
    if (error) throw error;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what HGETALL answers; a pipeline's answers are untyped
    return fields as Record<string, string>;
  });
}

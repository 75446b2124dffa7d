import type { connectWorker } from "@darkroom/redis";

/** What Redis holds of one kind of key. */
export type KindCount = {
  keys: number;
  /** Fields, members and entries of all of them together. */
  members: number;
  /** How many of the keys have no time at which they expire. */
  lasting: number;
  bytes: number;
};

/** What goes by itself so soon is there at one moment and not at the next. */
const passingMs = 120_000;

const sizes: Record<string, string> = { hash: "HLEN", zset: "ZCARD", set: "SCARD", list: "LLEN", stream: "XLEN" };

/**
 * Counts the keys under a prefix by their kind: the word behind the prefix, and for what BullMQ keeps also its own word, as `lane marker`.
 * A key that goes within two minutes is left out.
 */
export async function takeCensus(
  redis: ReturnType<typeof connectWorker>,
  prefix: string,
): Promise<Map<string, KindCount>> {
  const census = new Map<string, KindCount>();
  for await (const names of redis.scanStream({ match: `${prefix}:*`, count: 1_000 }) as AsyncIterable<string[]>) {
    for (const name of names) {
      const type = await redis.type(name);
      if (type === "none") continue;
      const size = sizes[type];
      const [members, ttl, bytes] = await Promise.all([
        size === undefined ? 1 : redis.call(size, name),
        redis.pttl(name),
        redis.call("MEMORY", "USAGE", name, "SAMPLES", "0"),
      ]);
      if (ttl >= 0 && ttl < passingMs) continue;
      const kind = kindOf(name.slice(prefix.length + 1));
      const count = census.get(kind) ?? { keys: 0, members: 0, lasting: 0, bytes: 0 };
      census.set(kind, {
        keys: count.keys + 1,
        members: count.members + Number(members),
        lasting: count.lasting + (ttl === -1 ? 1 : 0),
        bytes: count.bytes + Number(bytes),
      });
    }
  }
  return census;
}

function kindOf(name: string): string {
  const [kind = "", , ...rest] = name.split(":");
  if (kind !== "lane") return kind;
  const [own = ""] = rest;
  return `lane ${/^(gen_|batch_|\w+\.)/.test(own) ? "job" : own}`;
}

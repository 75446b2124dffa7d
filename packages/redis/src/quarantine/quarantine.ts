import { createHash } from "node:crypto";
import type { Logger } from "@darkroom/runtime";
import type { ChainableCommander, Redis } from "ioredis";
import { z } from "zod";
import { defineScript } from "../define-script.ts";
import type { Keys } from "../key-names.ts";
import { redisTime } from "../redis-time.ts";
import { describeFields } from "./describe-fields.ts";
import { explainError } from "./explain-error.ts";

const setAside = defineScript(new URL("../scripts/set-aside.lua", import.meta.url), z.literal([0, 1]));

/** What a loop was to do with the thing that it set aside. A label of a metric, so there are only these. */
const quarantineKinds = [
  "attempt",
  "expiry",
  "lost-job",
  "removal",
  "webhook-ending",
  "webhook-delivery",
  "batch",
  "batch-removal",
  "file-removal",
  "ledger",
  "audit",
] as const;
export type QuarantineKind = (typeof quarantineKinds)[number];

/**
 * The most that is noted. It is some megabytes. What is beyond that waits all the same; the operator is shown the latest, and something
 * that was crowded out is logged and counted anew.
 */
const mostNoted = 1_000;
/** Every loop comes upon what it has set aside within minutes. What none came upon for a day has been dealt with, or is gone. */
const forgottenAfterMs = 86_400_000;

/** How long something that was set aside waits until its loop tries it again, in milliseconds: a rollback or a deployment lasts minutes. */
export const quarantinePauseMs = 600_000;

export type SetAside = {
  kind: QuarantineKind;
  /** Names it within the kind: the id of a record, the key of an object. */
  id: string;
  /** Why: it is explained without quoting what was read, which may be a prompt. */
  error: unknown;
  /** The record as Redis has it, where it could be read so far. No prompt of it is noted: see `describeFields`. */
  fields?: Readonly<Record<string, string | Buffer>> | undefined;
  /** The name of its HASH, instead: it is read for its fields, if it can be. */
  record?: string | undefined;
  /** Where it waits: the ZSETs that it is on, by the time from which on it is due. Absent: its loop finds it by other means. */
  waits?: { lists: readonly string[]; member?: string; pauseMs?: number } | undefined;
  /** What is deleted when the operator drops it, beside its entries on the lists. Absent: it cannot be dropped, since it is alive. */
  drops?: readonly string[] | undefined;
};

const storedSchema = z.object({
  /** A kind of a newer release is shown as it is. */
  kind: z.string(),
  subject: z.string(),
  reason: z.string(),
  fields: z.record(z.string(), z.string()),
  lists: z.array(z.string()),
  member: z.string(),
  drops: z.array(z.string()).nullable(),
});

/** One thing in quarantine, as the operator is shown it. Times are Unix milliseconds. */
export type QuarantineEntry = {
  /** `qua_…` */
  id: string;
  kind: string;
  /** The id of the record, or the key of the object. */
  subject: string;
  reason: string;
  sinceMs: number;
  seenMs: number;
  /** Fields of the record by their names. A value that a caller may have written is given by its length. */
  fields: Record<string, string>;
  /** Whether it may be dropped. What is alive, such as a queued generation, is canceled instead. */
  droppable: boolean;
};

export type QuarantineOptions = {
  redis: Redis;
  keys: Pick<Keys, "root" | "quarantine" | "quarantineSeen">;
  log: Pick<Logger, "error" | "warn">;
  /** Is called when something is set aside that was not before. */
  onSetAside?: (kind: QuarantineKind) => void;
};

/** The id of an entry: the same for the same thing. */
const idOf = (kind: QuarantineKind, subject: string): string =>
  `qua_${createHash("sha1").update(`${kind} ${subject}`).digest("hex").slice(0, 20)}`;

/**
 * Where the loops of the service put what they cannot deal with: a record that this release cannot read, an object that the store refuses.
 * A loop sets it aside and goes on with the others. It is tried again after a pause, so that it resolves itself when a release comes that can
 * read it. The operator is shown it, may have it tried at once, and may drop it.
 */
export function createQuarantine({ redis, keys, log, onSetAside = () => {} }: QuarantineOptions) {
  const { quarantine: entries, quarantineSeen: seen } = keys;

  async function read(id: string) {
    const text = await redis.hget(entries, id);
    return text === null ? null : decode(text);
  }

  /** Ends a transaction by taking entries out. */
  const takeOut = (transaction: ChainableCommander, ids: readonly string[]) =>
    transaction
      .zrem(seen, ...ids)
      .hdel(entries, ...ids)
      .exec();

  /** What is of another type has no fields. */
  const readHash = (key: string): Promise<Record<string, string>> => redis.hgetall(key).catch(() => ({}));

  return {
    /**
     * Sets something aside. It is logged and counted the first time. Never throws: where Redis refuses, that is logged, and the loop comes
     * upon it again.
     */
    async setAside({ kind, id, error, fields, record, waits, drops }: SetAside): Promise<void> {
      const { lists = [], member = id, pauseMs = quarantinePauseMs } = waits ?? {};
      const reason = explainError(error);
      try {
        const described = describeFields(fields ?? (record === undefined ? {} : await readHash(record)));
        const noted = { kind, subject: id, reason, fields: described, lists, member, drops: drops ?? null };
        const where = [keys.root, ...lists];
        const args = [kind, id, JSON.stringify(noted), member, Math.ceil(pauseMs), mostNoted, forgottenAfterMs];
        if ((await setAside(redis, where, args)) === 0) return;
        onSetAside(kind);
        log.error(
          { kind, subject: id, quarantineId: idOf(kind, id), reason },
          "Something was set aside, and is tried again later",
        );
      } catch (refusal) {
        log.warn(
          { kind, subject: id, reason, err: refusal },
          "Something that cannot be dealt with could not be set aside",
        );
      }
    },

    /** Takes out what has been dealt with. For loops that do not do so in a script of their own. */
    async release(kind: QuarantineKind, subjects: readonly string[]): Promise<void> {
      if (subjects.length === 0) return;
      await takeOut(
        redis.multi(),
        subjects.map((subject) => idOf(kind, subject)),
      );
    },

    /** The latest first. `kind`: only those. */
    async list({ kind, limit }: { kind?: string | undefined; limit: number }): Promise<QuarantineEntry[]> {
      const [ids, texts] = await Promise.all([redis.zrevrange(seen, 0, -1, "WITHSCORES"), redis.hgetall(entries)]);
      const found: QuarantineEntry[] = [];
      for (let at = 0; at < ids.length && found.length < limit; at += 2) {
        const [id = "", seenMs] = ids.slice(at, at + 2);
        const entry = decode(texts[id] ?? "");
        if (entry === null || (kind !== undefined && entry.kind !== kind)) continue;
        const { subject, reason, fields, sinceMs } = entry;
        const droppable = entry.drops !== null;
        found.push({ id, kind: entry.kind, subject, reason, sinceMs, seenMs: Number(seenMs), fields, droppable });
      }
      return found;
    },

    /** Has it tried again at once, and takes it out: where it fails again it comes back, and is logged and counted. */
    async retry(id: string): Promise<"retried" | "gone"> {
      const entry = await read(id);
      if (entry === null) return "gone";
      const nowMs = await redisTime(redis);
      const transaction = redis.multi();
      for (const list of entry.lists) transaction.zadd(list, "XX", nowMs, entry.member);
      await takeOut(transaction, [id]);
      return "retried";
    },

    /** Gives it up: its loop does not come upon it any more. Objects that only it named stay in the store. */
    async drop(id: string): Promise<"dropped" | "alive" | "gone"> {
      const entry = await read(id);
      if (entry === null) return "gone";
      if (entry.drops === null) return "alive";
      const transaction = redis.multi();
      for (const list of entry.lists) transaction.zrem(list, entry.member);
      if (entry.drops.length > 0) transaction.del(...entry.drops);
      await takeOut(transaction, [id]);
      return "dropped";
    },
  };
}

export type Quarantine = ReturnType<typeof createQuarantine>;

/** Null for what this release cannot read. */
function decode(text: string) {
  const [, sinceMs, json] = /^(\d+) (.*)$/s.exec(text) ?? [];
  if (json === undefined) return null;
  try {
    return { ...storedSchema.parse(JSON.parse(json)), sinceMs: Number(sinceMs) };
  } catch {
    return null;
  }
}

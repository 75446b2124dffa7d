import { type Admission, unlimited } from "@darkroom/accounts";
import { type ImageRequest, isEnding, type LedgerEntry, ledgerEntrySchema } from "@darkroom/contracts";
import * as fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { bill, delivery, openQueue, type TestQueue } from "../queue.fixture.ts";
import { createPackRecord } from "../packing/pack-ended.ts";
import { createRemoveOutlived } from "../removal/remove-outlived.ts";

// The states of a record, walked by two api processes, two workers and a recovery that is late. The scripts, the lists and Redis are the
// real ones; what must hold after every step is the section "Invariants" of docs/architecture.md.

const lane = "sandbox.interactive";
const keyId = "key";
const tenant = "acme";
const worstCaseMicros = 7;
const admission: Admission = { ...unlimited, images: 1, worstCaseMicros };

const writes = ["checkpoint", "succeed", "fail", "postpone", "put in line"] as const;
const step = fc.record({
  action: fc.constantFrom(
    ...(["submit", "submit", "submit", "attach", "leave", "leave", "keep", "cancel", "retry", "retry"] as const),
    ...(["start", "start", "start", "checkpoint", "checkpoint", "succeed", ...writes] as const),
    ...(["pass the deadline", "end the retention", "list what is due"] as const),
    ...(["expire what was listed", "remove what is due", "expire early", "remove early", "pack", "pack"] as const),
  ),
  /** Picks one of three generations, so that each sees much; where `latest` is false, also an attempt at it: a late worker has an old one. */
  which: fc.nat(2),
  latest: fc.boolean(),
  api: fc.constantFrom("a" as const, "b" as const),
  how: fc.constantFrom(...(["answered", "accepted", "cut", "returned", "later"] as const)),
  prompt: fc.constantFrom("a cat", "a dog"),
  named: fc.boolean(),
  expires: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What the story has seen of one generation. */
type Seen = {
  id: string;
  /** The fencing tokens of its attempts, the latest last. */
  tokens: number[];
  /** What it stands for in the memory of its tenant. */
  bytes: number;
  /** Its entries in the ledger. */
  entries: number;
  version: number;
  status: string;
  /** Whether its deadline has passed in this life, and its retention since it ended. */
  overdue: boolean;
  outlived: boolean;
  forgotten: boolean;
};

test("each accepted id has one ending, and lists, sums and fencing hold after every step of every order", async () => {
  const stories = fc.array(step, { minLength: 8, maxLength: 80, size: "max" });
  // A queue for each story: their lists would mix.
  const told = fc.asyncProperty(stories, async (steps) => tell(await openQueue(), steps));
  await expect(fc.assert(told, { numRuns: 40, endOnFailure: true })).resolves.toBeUndefined();
});

/** The token that a worker writes with: of the latest attempt, or of any. Before the first attempt it makes one up. */
const tokenOf = ({ tokens }: Seen, { latest, which }: Step): number =>
  (latest ? tokens.at(-1) : tokens[which % Math.max(tokens.length, 1)]) ?? 1;

async function tell(queue: TestQueue, steps: readonly Step[]): Promise<void> {
  const { redis, keys, generations, attempts } = queue;
  const [a, b] = await Promise.all([queue.waits("a", 3_600_000), queue.waits("b", 3_600_000)]);
  const callers = { a: a.newCaller(), b: b.newCaller() };
  const seen: Seen[] = [];
  const listed = { expiring: [] as string[] };
  const broken: string[] = [];
  const demand = (holds: boolean, rule: string) => void (holds || broken.push(rule));

  const packRecord = createPackRecord(redis, keys);
  const removePage = createRemoveOutlived({
    redis,
    keys,
    retention: queue.retention,
    quarantine: queue.quarantine,
    async dropObjects(dropped) {
      for (const { id } of seen) {
        const isDropped = dropped.some((key) => key.startsWith(id));
        demand(!isDropped || (await redis.exists(keys.record(id))) === 0, "objects go only with their record");
      }
    },
  });

  for (const one of steps) {
    const target = seen[one.which % Math.max(seen.length, 1)];
    const before = target && (await redis.hgetall(keys.record(target.id)));
    const answer = await take(one, target);
    await lookAtRecords(`${one.action}: ${answer}`);
    await lookAtLists();
    const isLate = target !== undefined && tokenOf(target, one) !== (target.tokens.at(-1) ?? 1);
    if (isLate && !target.forgotten && writes.some((write) => write === one.action)) {
      const after = await redis.hgetall(keys.record(target.id));
      demand(isDeepStrictEqual(before, after), "an earlier attempt writes nothing");
    }
    expect(broken, `${one.action}: ${answer}`).toEqual([]);
  }

  async function submit({ action, api, prompt, named, expires }: Step): Promise<string> {
    const request: ImageRequest = { prompt };
    const given = queue.submission({
      keyId,
      request,
      admission,
      caller: callers[api],
      forceNew: false,
      ...(named && { idempotencyKey: prompt }),
      ...(expires && { expiresInMs: 600_000 }),
    });
    if (action === "attach") return (await generations.attach(given))?.kind ?? "none";
    const { kind } = await generations.submit(given);
    // The answer was lost, and the api sends it once more.
    const again = await generations.submit(given);
    demand(again.kind === kind, "a repeated submission is answered the same");
    if (kind !== "accepted") return kind;
    const fresh = { tokens: [], bytes: 0, entries: 0, version: 1, status: "queued" };
    seen.push({ id: given.id, ...fresh, overdue: false, outlived: false, forgotten: false });
    return kind;
  }

  async function take(one: Step, target: Seen | undefined): Promise<string> {
    switch (one.action) {
      case "submit":
      case "attach":
        return submit(one);
      case "list what is due":
        listed.expiring = await redis.zrangebyscore(keys.expiring, "-inf", 1);
        return "listed";
      case "expire what was listed":
        for (const id of listed.expiring) await generations.expire(id, lane);
        return "visited";
      case "remove what is due":
        await removePage();
        return "visited";
      default:
        return target === undefined || target.forgotten ? "nothing" : takeWith(one, target);
    }
  }

  async function takeWith(one: Step, target: Seen): Promise<string> {
    const { id, tokens } = target;
    const token = tokenOf(target, one);
    const [image] = delivery.images;
    const delivered = { ...delivery, images: image === undefined ? [] : [{ ...image, key: `${id}/${token}-0.png` }] };
    switch (one.action) {
      case "leave":
        return generations.leave(id, lane, callers[one.api], one.how);
      case "keep":
        return generations.keep(id);
      case "cancel":
        return generations.cancel(id, lane);
      case "retry": {
        const { kind } = await generations.retry(id, lane, tenant, admission);
        if (kind === "accepted") Object.assign(target, { overdue: false, outlived: false });
        return kind;
      }
      case "start": {
        const started = await attempts.start(id, lane);
        if (typeof started === "string") return started;
        if (typeof started === "number") return "paused";
        demand(started.attempts === (tokens.at(-1) ?? 0) + 1, "a fencing token is given once");
        tokens.push(started.attempts);
        return "started";
      }
      case "checkpoint":
        return attempts.checkpoint(id, token, delivered);
      case "succeed":
        return attempts.succeed(id, lane, token, delivered, { ...bill, costMicros: 3, providerCostMicros: 1 });
      case "fail":
        return attempts.fail(id, lane, token, { code: "upstream_error", message: "It broke." }, one.named);
      case "postpone":
        return attempts.postpone(id, lane, token, one.named ? "failures" : "handbacks", 0);
      case "pack": {
        const unpacked = await generations.read(id);
        await packRecord(id);
        demand(isDeepStrictEqual(await generations.read(id), unpacked), "a packed record says what it said before");
        return "looked at";
      }
      case "put in line":
        return attempts.putInLine(id, lane, token);
      case "expire early":
        return generations.expire(id, lane);
      case "remove early":
        await removePage();
        return "visited";
      case "pass the deadline":
        if ((await redis.hexists(keys.record(id), "expiresAt")) === 0) return "it has none";
        target.overdue = true;
        await redis.hset(keys.record(id), "expiresAt", 1);
        await redis.zadd(keys.expiring, "XX", 1, id);
        return "passed";
      // The last of them is `end the retention`.
      default:
        if ((await redis.zscore(keys.retained, id)) === null) return "it has not ended";
        target.outlived = true;
        await redis.zadd(keys.retained, 1, id);
        return "ended";
    }
  }

  /** How each record has moved since the last step. */
  async function lookAtRecords(story: string): Promise<void> {
    const ledger = await readLedger();
    for (const one of seen) {
      const { status = "", version = "0", bytes } = await redis.hgetall(keys.record(one.id));
      if (status === "") {
        demand(isEnding(one.status) && one.outlived, "only what has ended, and outlived it, is forgotten");
        demand((await queue.generations.readTombstone(one.id)) === tenant, "its owner is told that it was there");
        one.forgotten = true;
        continue;
      }
      const moved = status !== one.status;
      demand(Number(version) >= one.version, "versions grow");
      demand(!moved || Number(version) > one.version, "a state changes with its version");
      demand(!moved || !isEnding(one.status) || story === "retry: accepted", "an ending is left by a retry alone");
      demand(status !== "expired" || one.overdue, "nothing expires before its time");
      const entries = ledger.map(({ id }) => id).filter((id) => id.startsWith(`${one.id}:`));
      demand(entries.length === one.entries + (moved && isEnding(status) ? 1 : 0), "each ending has one entry");
      demand(new Set(entries).size === entries.length, "an entry is written once");
      Object.assign(one, { version: Number(version), status, entries: entries.length, bytes: Number(bytes) });
    }
  }

  /** Whether lists and sums say what the records say. */
  async function lookAtLists(): Promise<void> {
    const lists = [keys.queued, keys.running, keys.expiring, keys.retained];
    const members = await Promise.all(lists.map((name) => redis.zrange(name, "0", "-1")));
    const [queued, running, expiring, retained] = members.map((ids) => new Set(ids));
    let [active, waiting] = [0, 0];
    for (const { id, status } of seen.filter((one) => !one.forgotten)) {
      demand(queued?.has(id) === (status === "queued"), "what is queued is listed as queued, and nothing else");
      demand(running?.has(id) === (status === "running"), "what runs is listed as running, and nothing else");
      demand(retained?.has(id) === isEnding(status), "what has ended is listed as retained, and nothing else");
      demand(!expiring?.has(id) || status === "queued", "only what is queued has a deadline");
      if (!isEnding(status)) active += 1;
      if (status === "queued") waiting += 1;
    }
    const pending = await redis.hgetall(keys.pending(lane));
    demand(
      isDeepStrictEqual({ ...pending }, active === 0 ? {} : { [tenant]: String(active) }),
      "the lane counts what lives",
    );
    const bytes = seen.reduce((sum, one) => sum + (one.forgotten ? 0 : one.bytes), 0);
    demand(Number(await redis.hget(keys.tenantMemory, tenant)) === bytes, "a tenant holds what its records stand for");
    const account = await redis.hmget(`${keys.root}account:${keyId}`, "active", "queued", "reserved", "total");
    const spent = (await readLedger()).reduce((sum, { cost, unbilled }) => sum + (cost ?? 0) + unbilled, 0);
    const sums = [active, waiting, active * worstCaseMicros, spent];
    demand(isDeepStrictEqual(account.map(Number), sums), "the sums of the account are those of records and ledger");
  }

  async function readLedger(): Promise<LedgerEntry[]> {
    const days = await redis.smembers(`${keys.root}ledger-days`);
    const lines = await Promise.all(days.map((day) => redis.lrange(`${keys.root}ledger:${day}`, 0, -1)));
    return lines.flat().map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
  }
}

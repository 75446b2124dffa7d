import { newGenerationId } from "@darkroom/contracts";
import { monitorRedis, testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { openApi } from "./api-process.fixture.ts";

const accepted = (priority: number) => ({ kind: "accepted", priority, use: null });
const attached = (earlier: { id: string } | undefined) => ({ kind: "attached", id: earlier?.id });

const broken = { code: "upstream_error", message: "It broke." } as const;

describe("an idempotency key", () => {
  test("stands for the generation of its first use, also when that has ended", async () => {
    const { generations, ask, begun, succeed } = await openApi();
    const first = await begun({ idempotencyKey: "k" });
    expect(await generations.submit(ask({ idempotencyKey: "k" }))).toEqual(attached(first));
    await succeed(first);
    expect(await generations.submit(ask({ idempotencyKey: "k" }))).toEqual(attached(first));
  });

  test("with another body is a mismatch", async () => {
    const { generations, ask, submitted } = await openApi();
    const first = await submitted({ idempotencyKey: "k" });
    const other = ask({ idempotencyKey: "k", request: { prompt: "a dog" } });
    expect(await generations.submit(other)).toEqual({ kind: "mismatch", id: first.id });
    expect(await generations.read(other.id)).toBeNull();
  });

  test("does not mind the order of fields", async () => {
    const { generations, ask, submitted } = await openApi();
    const first = await submitted({ idempotencyKey: "k", request: { prompt: "a cat", size: "auto" } });
    const again = ask({ idempotencyKey: "k", request: { size: "auto", prompt: "a cat" } });
    expect(await generations.submit(again)).toEqual(attached(first));
  });

  test("belongs to one API key", async () => {
    const { generations, ask, submitted } = await openApi();
    await submitted({ idempotencyKey: "k", keyId: "a" });
    expect(await generations.submit(ask({ idempotencyKey: "k", keyId: "b" }))).toEqual(accepted(2));
  });

  test("is free again when its caller left before anything was begun", async () => {
    const { generations, ask, submitted, leave } = await openApi();
    await leave(await submitted({ idempotencyKey: "k" }), "cut");
    expect(await generations.submit(ask({ idempotencyKey: "k" }))).toEqual(accepted(1));
  });

  test("has the process of an attached caller told of the ending", async () => {
    const { generations, api, ask, begun, succeed } = await openApi();
    const first = await begun({ idempotencyKey: "k", caller: "elsewhere/1" });
    const wait = api.wait(first.id);
    await generations.submit(ask({ idempotencyKey: "k" }));
    await succeed(first);
    expect(await wait.ended).toEqual(await generations.read(first.id));
  });

  test("fifty uses at once make one generation", async () => {
    const { generations, ask } = await openApi();
    const all = Array.from({ length: 50 }, () => generations.submit(ask({ idempotencyKey: "k" })));
    const kinds = (await Promise.all(all)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "attached")).toHaveLength(49);
  });

  test("lasts as long as its generation has not ended, and its time counts from the ending", async () => {
    const { queue, generations, attempts, submitted } = await openApi();
    const { redis, keys } = queue;
    const first = await submitted({ idempotencyKey: "k" });
    const [claim = ""] = await redis.keys(`${keys.root}claim:*`);
    expect(await redis.pttl(claim)).toBe(-1);
    await attempts.start(first.id, first.lane);
    expect(await redis.pttl(claim)).toBe(-1);
    await attempts.fail(first.id, first.lane, 1, broken);
    expect(await redis.pttl(claim)).toBeGreaterThan(55_000);
    // Retried by its owner it has not ended, and the key stands for it as long as it has not.
    await generations.retry(first.id, first.lane, "acme", first.admission);
    expect(await redis.pttl(claim)).toBe(-1);
  });

  test("that has come to stand for another generation keeps its time when the first is retried and ends", async () => {
    const { queue, generations, ask, submitted, leave } = await openApi();
    const { redis, keys } = queue;
    const first = await submitted({ idempotencyKey: "k" });
    await leave(first, "cut");
    const second = await submitted({ idempotencyKey: "k" });
    await generations.retry(first.id, first.lane, "acme", first.admission);
    await generations.cancel(first.id, first.lane);
    const [claim = ""] = await redis.keys(`${keys.root}claim:*`);
    expect(await redis.pttl(claim)).toBe(-1);
    expect(await generations.submit(ask({ idempotencyKey: "k" }))).toEqual(attached(second));
  });

  test("and its absence are apart: neither finds what the other has made", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const [named, nameless] = [await begun({ idempotencyKey: "k" }), await begun()];
    await leave(named, "cut");
    await leave(nameless, "cut");
    expect(await generations.submit(ask({ idempotencyKey: "l" }))).toMatchObject({ kind: "accepted" });
    expect(await generations.submit(ask())).toEqual(attached(nameless));
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });
});

describe("an equal request without an idempotency key", () => {
  test("takes over what its caller was cut off from, once", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const first = await begun();
    expect(await leave(first, "cut")).toBe("kept");
    expect(await generations.submit(ask())).toEqual(attached(first));
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("that asks for a new generation takes over only what another such request was told to ask for again, once", async () => {
    const { generations, ask, begun, succeed, leave } = await openApi();
    await leave(await begun(), "cut");
    const anew = () => ask({ forceNew: true });
    expect(await generations.submit(anew())).toMatchObject({ kind: "accepted" });
    const first = await begun({ forceNew: true });
    await leave(first, "returned");
    await succeed(first);
    const again = anew();
    expect(await generations.submit(again)).toEqual(attached(first));
    expect(await generations.submit(again), "sent twice").toEqual(attached(first));
    expect(await generations.submit(anew())).toMatchObject({ kind: "accepted" });
    await leave({ ...first, caller: again.caller }, "answered");
    expect(await generations.submit(anew())).toMatchObject({ kind: "accepted" });
  });

  test("gets its own, and leaves to one that asks for a new generation what that was told to ask for again", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const forced = await begun({ forceNew: true });
    const plain = await begun();
    await leave(forced, "returned");
    await leave(plain, "cut");
    expect(await generations.submit(ask())).toEqual(attached(plain));
    expect(await generations.submit(ask({ forceNew: true }))).toEqual(attached(forced));
  });

  test("gets what another was told to ask for again where there is nothing else", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const forced = await begun({ forceNew: true });
    await leave(forced, "returned");
    expect(await generations.submit(ask())).toEqual(attached(forced));
  });

  test("takes it over when it has succeeded, until its answer is written", async () => {
    const { generations, ask, begun, succeed, leave } = await openApi();
    const first = await begun();
    await leave(first, "cut");
    await succeed(first);
    const [second, third] = [ask(), ask()];
    expect(await generations.submit(second)).toEqual(attached(first));
    expect(await generations.submit(third)).toMatchObject({ kind: "accepted" });
    await leave({ ...first, caller: second.caller }, "cut");
    const fourth = ask();
    expect(await generations.submit(fourth)).toEqual(attached(first));
    await leave({ ...first, caller: fourth.caller }, "answered");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("takes over the oldest of several, each once", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const now = Date.now();
    const old = [3, 2, 1].map((hours) => newGenerationId(now - hours * 3_600_000));
    const all = [];
    for (const id of old) all.push(await begun({ id }));
    for (const one of all.toReversed()) await leave(one, "cut");
    for (const one of all) expect(await generations.submit(ask())).toEqual(attached(one));
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("finds nothing where a caller waits or was answered", async () => {
    const { generations, ask, submitted, begun, leave } = await openApi();
    await submitted();
    await begun();
    await leave(await begun(), "answered");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("finds nothing where a caller was told the id of what failed, whichever came first", async () => {
    const { generations, attempts, ask, begun, leave } = await openApi();
    const [early, late] = [await begun(), await begun()];
    await leave(early, "accepted");
    for (const { id, lane } of [early, late]) await attempts.fail(id, lane, 1, broken);
    await leave(late, "accepted");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("finds nothing where a caller was told the id of a failure that another one was answered with", async () => {
    const { generations, attempts, ask, begun, leave } = await openApi();
    const first = await begun();
    await attempts.fail(first.id, first.lane, 1, broken);
    await leave(first, "answered");
    const second = ask();
    expect(await generations.submit(second)).toEqual(attached(first));
    await leave({ ...first, caller: second.caller }, "accepted");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("finds nothing where its caller left before anything was begun, or had another body", async () => {
    const { generations, ask, submitted, begun, leave } = await openApi();
    expect(await leave(await submitted(), "cut")).toBe("canceled");
    await leave(await begun({ request: { prompt: "a dog" } }), "cut");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("finds what goes on after its caller was put off", async () => {
    const { generations, ask, submitted, leave } = await openApi();
    const first = await submitted();
    expect(await leave(first, "later")).toBe("kept");
    const second = ask();
    expect(await generations.submit(second)).toEqual(attached(first));
    // It was told that it goes on: no disconnect cancels it.
    expect(await leave({ ...first, caller: second.caller }, "cut")).toBe("kept");
    expect(await generations.submit(ask())).toEqual(attached(first));
  });

  test("finds what only a killed process waits for, queued, running or succeeded", async () => {
    const { queue, generations, attempts, ask, succeed } = await openApi();
    const dying = await queue.waits("dying", 3_600_000);
    const left = [];
    for (const state of ["queued", "running", "succeeded"] as const) {
      const submission = { ...ask(), caller: dying.newCaller() };
      await generations.submit(submission);
      if (state !== "queued") await attempts.start(submission.id, submission.lane);
      if (state === "succeeded") await succeed(submission);
      left.push(submission);
    }
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
    await dying.kill();
    const found = [await generations.submit(ask()), await generations.submit(ask()), await generations.submit(ask())];
    expect(found).toEqual(expect.arrayContaining(left.map(attached)));
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("looks through what others wait for once for each process that was killed, and not each time", async () => {
    const { queue, submitted } = await openApi();
    const { redis, keys } = queue;
    const kill = async (name: string) => (await queue.waits(name, 3_600_000)).kill();
    const commands: string[] = [];
    const monitor = await monitorRedis(testRedisUrl(), ({ words }) => void commands.push(words.slice(0, 2).join(" ")));
    onTestFinished(monitor.close);
    /** How often a submission looks at the callers of another one. */
    const looksOf = async (end: string) => {
      commands.length = 0;
      await submitted();
      await redis.echo(end);
      await expect.poll(() => commands).toContain(`echo ${end}`);
      return commands.filter((command) => command.startsWith(`SMEMBERS ${keys.waiters("")}`)).length;
    };
    for (let i = 0; i < 10; i++) await submitted();
    expect(await looksOf("none is missing")).toBe(0);
    await kill("first");
    expect([await looksOf("first"), await looksOf("again")]).toEqual([11, 0]);
    await kill("second");
    expect([await looksOf("second"), await looksOf("once more")]).toEqual([13, 0]);
  });

  test("finds nothing of what was canceled, has expired, or failed at no cost", async () => {
    const { generations, attempts, ask, submitted, begun, leave } = await openApi();
    const [canceled, failed] = [await begun(), await begun()];
    for (const one of [canceled, failed]) await leave(one, "cut");
    await generations.cancel(canceled.id, canceled.lane);
    await attempts.fail(failed.id, failed.lane, 1, broken, true);
    const expired = await submitted();
    await leave(expired, "later");
    await generations.withdraw(expired.id, expired.lane, "expired");
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("is told of a failure that may have been charged, again and again, whichever caller was told before", async () => {
    const { generations, attempts, ask, begun, leave } = await openApi();
    const first = await begun();
    await attempts.fail(first.id, first.lane, 1, broken);
    for (let i = 0; i < 3; i++) {
      const again = ask();
      expect(await generations.submit(again)).toEqual(attached(first));
      await leave({ ...first, caller: again.caller }, "answered");
    }
    expect(await generations.submit(ask({ forceNew: true }))).toMatchObject({ kind: "accepted" });
  });

  test("is given an image that no caller has, before a failure", async () => {
    const { generations, attempts, ask, begun, leave } = await openApi();
    const [failed, running] = [await begun(), await begun()];
    await attempts.fail(failed.id, failed.lane, 1, broken);
    await leave(running, "cut");
    expect(await generations.submit(ask())).toEqual(attached(running));
    expect(await generations.submit(ask())).toEqual(attached(failed));
  });

  test("finds nothing of what its owner has retried by its id", async () => {
    const { generations, attempts, ask, begun } = await openApi();
    const first = await begun();
    await attempts.fail(first.id, first.lane, 1, broken);
    await generations.retry(first.id, first.lane, "acme", first.admission);
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test.each([
    ["succeeded", 15 * 60_000],
    ["failed", 5 * 60_000],
  ] as const)("finds what has %s for so long", async (status, forMs) => {
    const { queue, generations, attempts, ask, begun, succeed, leave } = await openApi();
    const { redis, keys } = queue;
    const first = await begun();
    await leave(first, "cut");
    if (status === "succeeded") await succeed(first);
    else await attempts.fail(first.id, first.lane, 1, broken);
    const age = (ms: number) => redis.hincrby(keys.record(first.id), "endedAt", -ms);
    await age(forMs - 30_000);
    const second = ask();
    expect(await generations.submit(second)).toEqual(attached(first));
    await leave({ ...first, caller: second.caller }, "cut");
    await age(30_001);
    expect(await generations.submit(ask())).toMatchObject({ kind: "accepted" });
  });

  test("asks for a new one where it says so", async () => {
    const { generations, ask, begun, leave } = await openApi();
    await leave(await begun(), "cut");
    expect(await generations.submit(ask({ forceNew: true }))).toMatchObject({ kind: "accepted" });
  });
});

describe("a submission whose answer was lost", () => {
  test("finds the same again, and says which that is", async () => {
    const { generations, ask, begun, leave } = await openApi();
    const all = [await begun(), await begun()];
    for (const one of all) await leave(one, "cut");
    const second = ask();
    const found = await generations.submit(second);
    expect(all.map(attached)).toContainEqual(found);
    expect(await generations.submit(second)).toEqual(found);
    expect(attached({ id: (await generations.attachedTo(second.id)) ?? "" })).toEqual(found);
    const other = await generations.submit(ask());
    expect(all.map(attached)).toContainEqual(other);
    expect(other).not.toEqual(found);
  });

  test("says the same where it came by an idempotency key", async () => {
    const { generations, ask, begun } = await openApi();
    const first = await begun({ idempotencyKey: "k" });
    const second = ask({ idempotencyKey: "k" });
    await generations.submit(second);
    expect(await generations.attachedTo(second.id)).toBe(first.id);
  });
});

test("what a submission was attached to is known for longer than its process remembers that its caller has left", async () => {
  const { queue, generations, ask, submitted, leave } = await openApi();
  const first = await submitted();
  await generations.keep(first.id);
  await leave(first, "cut");
  const again = ask();
  expect(await generations.submit(again)).toEqual(attached(first));
  // `usualForMs` of apps/api/src/generation/cancel-on-disconnect.ts.
  expect(await queue.redis.pttl(queue.keys.attached(again.id))).toBeGreaterThan(900_000);
});

test("looking for an earlier generation makes none", async () => {
  const { generations, ask, begun, leave } = await openApi();
  const identity = ask();
  expect(await generations.attach(identity)).toBeNull();
  expect(await generations.read(identity.id)).toBeNull();
  const first = await begun({ idempotencyKey: "k" });
  expect(await generations.attach(ask({ idempotencyKey: "k" }))).toEqual(attached(first));
  const other = ask({ idempotencyKey: "k", request: { prompt: "a dog" } });
  expect(await generations.attach(other)).toEqual({ kind: "mismatch", id: first.id });
  const nameless = await begun();
  await leave(nameless, "cut");
  expect(await generations.attach(ask())).toEqual(attached(nameless));
});

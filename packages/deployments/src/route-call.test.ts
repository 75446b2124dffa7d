import {
  type ImageProvider,
  type ProviderCall,
  ProviderError,
  type ProviderErrorFacts,
  type ProviderImage,
} from "@darkroom/providers";
import { describe, expect, test } from "vitest";
import { createRouter, type Route } from "./create-router.ts";
import { aDeployment, openLimits, silent } from "./deployment.fixture.ts";
import type { CallNote, EndedCall } from "./route-call.ts";

const failure = (facts: Partial<ProviderErrorFacts> = {}) =>
  new ProviderError({ code: "upstream_error", message: "Broken.", retryable: true, mayHaveCharged: false, ...facts });
const limited = failure({ code: "overloaded", rateLimited: true, retryAfterMs: 5_000 });
const inDoubt = failure({ retryable: false, mayHaveCharged: true });
const refused = failure({ code: "moderation_blocked", retryable: false });
const wrongKey = failure({ retryable: false, upstreamStatus: 401 });

const image = (index: number): ProviderImage => ({
  index,
  bytes: Buffer.from("x"),
  mediaType: "image/png",
  width: 8,
  height: 8,
});

/** What an upstream answers for each image: it, or an error. */
type Answers = (index: number) => ProviderError | undefined;

/** Two deployments, `a` before `b`, whose calls are recorded. */
async function openTwo(
  answersOfA: Answers,
  options: { answersOfB?: Answers; answersOfC?: Answers; buyAgainInDoubt?: boolean } = {},
) {
  const { answersOfB = () => undefined, answersOfC, buyAgainInDoubt = false } = options;
  const asked: { name: string; model: string; indexes: readonly number[] }[] = [];
  const upstream =
    (name: string, answers: Answers): ImageProvider["generate"] =>
    async ({ indexes, model }) => {
      asked.push({ name, model, indexes });
      const missing = indexes.flatMap((index) => ({ index, error: answers(index) }));
      return {
        images: missing.filter(({ error }) => error === undefined).map(({ index }) => image(index)),
        missing: missing.flatMap(({ index, error }) => (error === undefined ? [] : { index, error })),
      };
    };
  const a = aDeployment({ name: "a" }, upstream("a", answersOfA));
  const b = aDeployment({ name: "b", priority: 2, model: "b-model", concurrency: 1 }, upstream("b", answersOfB));
  const opened = await openLimits();
  const notes: CallNote[] = [];
  const ended: EndedCall[] = [];
  const c = answersOfC && aDeployment({ name: "c", priority: 3 }, upstream("c", answersOfC));
  const pool = { model: "m", buyAgainInDoubt, deployments: c === undefined ? [a, b] : [a, b, c] };
  const route = createRouter({
    deployments: { of: () => pool },
    limits: {
      choose: ({ model, deployments, images, isBatch }) =>
        opened.choose(deployments, { images, isBatch }).finally(() => model),
    },
    onEnded: (call) => void ended.push(call),
    log: silent,
  });
  const find = () => route({ model: "m", environment: undefined, images: 2, isBatch: false });
  const note = async (one: CallNote, isEnd: boolean) => {
    if (isEnd) notes.pop();
    notes.push(one);
  };
  const generate = async (over: Partial<ProviderCall> = {}) => {
    const found = await find();
    if (found === undefined || typeof found === "number") throw new Error("There is no room");
    const signal = new AbortController().signal;
    return (found satisfies Route).generate(
      { generationId: "gen_1", model: "m", parameters: { prompt: "a cat" }, indexes: [0, 1], signal, ...over },
      note,
    );
  };
  return { ...opened, a, b, asked, notes, ended, find, generate };
}

describe("another deployment is asked where the first", () => {
  test.each<[string, ProviderError]>([
    ["has met its rate limit", limited],
    ["failed, and cannot have charged", failure()],
    ["does not take our key", wrongKey],
  ])("%s", async (_, error) => {
    const { asked, notes, ended, generate } = await openTwo(() => error);
    const reply = await generate();
    expect(asked).toEqual([
      { name: "a", model: "m", indexes: [0, 1] },
      { name: "b", model: "b-model", indexes: [0, 1] },
    ]);
    expect(reply).toMatchObject({ missing: [], servedBy: { name: "b" } });
    expect(reply.images).toHaveLength(2);
    expect(notes).toMatchObject([
      { deployment: "a", mayHaveCharged: false },
      { deployment: "b", outcome: "ok", mayHaveCharged: true },
    ]);
    expect(ended.map(({ deployment }) => deployment.name)).toEqual(["a", "b"]);
  });

  test("failed as a whole", async () => {
    const { asked, generate } = await openTwo(() => {
      throw failure();
    });
    expect((await generate()).images).toHaveLength(2);
    expect(asked).toHaveLength(2);
  });

  test("refused some images for the caller's fault: it is asked for the others", async () => {
    const { asked, generate } = await openTwo((index) => (index === 0 ? refused : limited));
    const reply = await generate();
    expect(asked[1]).toEqual({ name: "b", model: "b-model", indexes: [1] });
    expect(reply).toMatchObject({ images: [{ index: 1 }], missing: [{ index: 0, error: refused }] });
  });
});

describe("no other deployment is asked", () => {
  test.each<[string, Answers]>([
    ["where the request was refused", () => refused],
    ["where the images may have been charged", () => inDoubt],
    ["where an image came: it is noted first", (index) => (index === 0 ? undefined : limited)],
  ])("%s", async (_, answers) => {
    const { asked, generate } = await openTwo(answers);
    await generate();
    expect(asked.map(({ name }) => name)).toEqual(["a"]);
  });

  test("for a limit beside an image that came, and the generation waits for room without a failed attempt", async () => {
    const { generate } = await openTwo((index) => (index === 0 ? undefined : limited));
    const { missing } = await generate();
    expect(missing[0]?.error.facts).toMatchObject({ rateLimited: true, roomInMs: expect.any(Number) });
  });
});

describe("images in doubt", () => {
  test("are counted, and not bought again", async () => {
    const { ended, notes, generate } = await openTwo(() => inDoubt);
    const reply = await generate();
    expect(reply.missing.map(({ error }) => error)).toEqual([inDoubt, inDoubt]);
    expect(ended).toMatchObject([{ doubtful: 2, boughtAgain: 0 }]);
    expect(notes).toMatchObject([{ deployment: "a", outcome: "failed", mayHaveCharged: true }]);
  });

  test("are bought again where the operator wants that, and counted as that", async () => {
    const { ended, a, generate } = await openTwo(() => inDoubt, { buyAgainInDoubt: true });
    const reply = await generate();
    expect(reply.images).toHaveLength(2);
    expect(reply.boughtAgain).toEqual([{ deployment: a, images: 2 }]);
    expect(ended).toMatchObject([
      { doubtful: 2, boughtAgain: 2 },
      { doubtful: 0, boughtAgain: 0 },
    ]);
  });
});

test.each<[string, ProviderError]>([
  ["has met its rate limit", limited],
  ["failed, and cannot have charged", failure()],
])(
  "images in doubt are given up where the one that was to buy them again %s: no attempt buys them a third time",
  async (_, error) => {
    const { generate } = await openTwo(() => inDoubt, { answersOfB: () => error, buyAgainInDoubt: true });
    const { missing } = await generate();
    expect(missing).toEqual([
      { index: 0, error: inDoubt },
      { index: 1, error: inDoubt },
    ]);
  },
);

test("images that two deployments may have charged for are asked of no third", async () => {
  const answers = { answersOfB: () => inDoubt, answersOfC: () => undefined, buyAgainInDoubt: true };
  const { asked, generate } = await openTwo(() => inDoubt, answers);
  const { missing } = await generate();
  expect(asked.map(({ name }) => name)).toEqual(["a", "b"]);
  expect(missing.map(({ error }) => error)).toEqual([inDoubt, inDoubt]);
});

test("of images in doubt, one that is refused when it is bought again stays in doubt", async () => {
  const { generate } = await openTwo(() => inDoubt, { answersOfB: () => refused, buyAgainInDoubt: true });
  const { missing } = await generate();
  expect(missing[0]?.error.facts).toMatchObject({ code: "moderation_blocked", retryable: false, mayHaveCharged: true });
});

test("of images in doubt, one that was drawn and refused is not bought again, whatever the operator wants", async () => {
  const drawnAndRefused = failure({ code: "content_policy_violation", retryable: false, mayHaveCharged: true });
  const answers: Answers = (index) => (index === 0 ? drawnAndRefused : inDoubt);
  const { asked, ended, generate } = await openTwo(answers, { buyAgainInDoubt: true });
  const { missing } = await generate();
  expect(asked[1]?.indexes).toEqual([1]);
  expect(missing).toEqual([{ index: 0, error: drawnAndRefused }]);
  expect(ended[0]).toMatchObject({ doubtful: 2, boughtAgain: 1 });
});

describe("where the other deployment", () => {
  test("has no room, the images wait until it has, and no attempt is counted", async () => {
    const { take, b, generate } = await openTwo(() => failure());
    await take([b]);
    const { missing } = await generate();
    expect(missing.map(({ error }) => error.facts)).toMatchObject([
      { retryable: true, rateLimited: true, roomInMs: expect.any(Number) },
      { retryable: true, rateLimited: true, roomInMs: expect.any(Number) },
    ]);
  });

  test("fails too, its error stands", async () => {
    const { generate } = await openTwo(() => limited, { answersOfB: () => wrongKey });
    expect((await generate()).missing.map(({ error }) => error)).toEqual([wrongKey, wrongKey]);
  });
});

test("a call is recorded before it is made: one that cannot be recorded is not made, and counts against no limit", async () => {
  const { asked, a, take, find } = await openTwo(() => undefined);
  const found = await find();
  if (found === undefined || typeof found === "number") throw new Error("There is no room");
  const signal = new AbortController().signal;
  const call = { generationId: "gen_1", model: "m", parameters: { prompt: "a cat" }, indexes: [0], signal };
  await expect(found.generate(call, () => Promise.reject(new Error("A later attempt owns it")))).rejects.toThrow(
    "later",
  );
  expect(asked).toEqual([]);
  await take([{ ...a, concurrency: 1 }]);
});

test("an aborted call is recorded as one that may have been charged, and says nothing about its deployment", async () => {
  const { notes, a, redis, keys, generate } = await openTwo(() => {
    throw new Error("canceled");
  });
  await expect(generate()).rejects.toThrow("canceled");
  expect(notes).toMatchObject([{ deployment: "a", outcome: "aborted", mayHaveCharged: true }]);
  expect(await redis.hget(keys.deployment(a.name), "failures")).toBeNull();
});

test("a way that is not used is given back", async () => {
  const { a, find, choose } = await openTwo(() => undefined);
  const found = await find();
  if (found === undefined || typeof found === "number") throw new Error("There is no room");
  await found.release();
  expect(await choose([{ ...a, concurrency: 1 }])).toMatchObject({ kind: "chosen" });
});

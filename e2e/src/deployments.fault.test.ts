import { writeFileSync } from "node:fs";
import path from "node:path";
import { generationSchema } from "@darkroom/contracts";
import { type Behaviour, type FakeUpstream, freePort, startFakeOpenAi, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { everyGeneration, expectAllSucceeded } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const model = "dall-e-2";
const request = { model, size: "256x256" };

type Entry = { name: string; upstream: FakeUpstream } & Record<string, unknown>;

const fileOf = (entries: readonly Entry[], ofModel: Record<string, unknown> = {}) =>
  JSON.stringify({
    models: {
      [model]: {
        ...ofModel,
        deployments: entries.map(({ upstream, ...entry }) => ({
          provider: "openai",
          apiKey: { env: "KEY_OF_ALL" },
          baseUrl: upstream.baseUrl,
          ...entry,
        })),
      },
    },
  });

async function openUpstream() {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  return upstream;
}

async function start({
  workers = 1,
  file,
  environment = {},
}: {
  workers?: number;
  file: string;
  environment?: Record<string, string>;
}) {
  const folder = await temporaryFolder();
  const deployments = path.join(folder, "deployments.json");
  const write = (text: string) => writeFileSync(deployments, text);
  write(file);
  const ports = await Promise.all(Array.from({ length: workers }, freePort));
  const stack = await startStack({
    workers: 0,
    environment: {
      DEPLOYMENTS_FILE: deployments,
      KEY_OF_ALL: "sk-upstream",
      LOCK_DURATION_MS: "20000",
      ...environment,
    },
  });
  const processes = await Promise.all(ports.map((port) => stack.startWorker({ WORKER_PORT: String(port) })));
  const authorization = `Bearer ${stack.apiKey}`;

  /** The sum of all series of a metric of all workers that have these labels. */
  async function sumOf(name: string, labels = ""): Promise<number> {
    const pages = await Promise.all(
      ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
    );
    const lines = pages
      .flatMap((page) => page.split("\n"))
      .filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  return {
    stack,
    processes,
    write,
    sumOf,
    draw: (count: number, from = 0) =>
      Array.from({ length: count }, (_, at) => stack.generate({ ...request, prompt: `cat ${from + at}` })),
    submit: async (prompt: string): Promise<string> => {
      const headers = { authorization, "content-type": "application/json", prefer: "respond-async" };
      const answer = await stack.generate({ ...request, prompt }, { headers });
      return answer.headers.get("x-generation-id") ?? "";
    },
    read: async (id: string) => {
      const answer = await fetch(`${stack.origin}/v1/generations/${id}`, { headers: { authorization } });
      return generationSchema.parse(await answer.json());
    },
  };
}

const statuses = async (answers: Promise<Response>[]) => (await Promise.all(answers)).map(({ status }) => status);
const idsOf = ({ requests }: FakeUpstream) => requests.map(({ headers }) => String(headers["x-client-request-id"]));

const limitReached: Behaviour = {
  status: 429,
  headers: { "retry-after": "1" },
  body: { error: { message: "Slow down.", type: "requests", code: "rate_limit_exceeded", param: null } },
};

test("four workers, an upstream that refuses half of its calls and one that is well: every generation succeeds, and the limit is kept", async () => {
  const [a, b] = [await openUpstream(), await openUpstream()];
  a.next(...Array.from({ length: 2_000 }, (_, at): Behaviour => (at % 2 === 0 ? limitReached : { delayMs: 50 })));
  b.always({ delayMs: 50 });
  const { draw, stack } = await start({
    workers: 4,
    file: fileOf([
      { name: "a", upstream: a, concurrency: 4, weight: 10 },
      { name: "b", upstream: b, concurrency: 16 },
    ]),
  });
  const count = 200;
  expect(await statuses(draw(count))).toEqual(Array.from({ length: count }, () => 200));
  // Every other call of a was refused, the first one included.
  const refused = Math.ceil(a.requests.length / 2);
  expect(a.requests.length).toBeGreaterThan(2);
  expect(a.requests.length + b.requests.length).toBeLessThanOrEqual(1.1 * count + refused);
  expect(a.mostUnfinished()).toBeLessThanOrEqual(4);
  expect(b.mostUnfinished()).toBeLessThanOrEqual(16);
  const records = await expectAllSucceeded(stack.redis.url, count);
  expect(records.filter(({ failures }) => failures > 0)).toEqual([]);
});

const dying = async (buyAgainInDoubt: boolean) => {
  const [a, b] = [await openUpstream(), await openUpstream()];
  a.next(...Array.from({ length: 30 }, (): Behaviour => ({ delayMs: 20 })));
  a.always({ delayMs: 20, connection: "cut" });
  const file = fileOf(
    [
      { name: "a", upstream: a, concurrency: 8 },
      { name: "b", upstream: b, priority: 2 },
    ],
    { buyAgainInDoubt },
  );
  const opened = await start({ workers: 2, file });
  const answers = await statuses(opened.draw(200));
  const cut = idsOf(a).slice(30);
  expect(cut.length).toBeGreaterThan(0);
  // The circuit opens after five; what was under way then is cut, too.
  expect(cut.length).toBeLessThanOrEqual(5 + 8);
  return { ...opened, a, b, answers, cut };
};

test("an upstream that dies in the middle of 200 jobs: what it may have charged is not bought again, and the other one takes the rest", async () => {
  const { answers, a, b, cut, sumOf, stack } = await dying(false);
  const failed = answers.filter((status) => status !== 200);
  expect(failed).toHaveLength(cut.length);
  expect(idsOf(b).filter((id) => idsOf(a).includes(id))).toEqual([]);
  expect(b.requests).toHaveLength(200 - a.requests.length);
  expect(await sumOf("darkroom_doubtful_images_total", 'bought_again="no"')).toBe(cut.length);
  expect(await sumOf("darkroom_doubtful_images_total", 'bought_again="yes"')).toBe(0);
  const records = await everyGeneration(stack.redis.url);
  const inDoubt = records.filter(({ id }) => cut.includes(id));
  expect(inDoubt.map(({ calls }) => calls)).toEqual(
    inDoubt.map(() => [expect.objectContaining({ deployment: "a", outcome: "failed", mayHaveCharged: true })]),
  );
});

test("the same where the operator has it bought again: every generation succeeds, and what may have been paid twice is counted", async () => {
  const { answers, b, cut, sumOf } = await dying(true);
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  expect(idsOf(b)).toEqual(expect.arrayContaining(cut));
  expect(await sumOf("darkroom_doubtful_images_total", 'bought_again="yes"')).toBe(cut.length);
});

test("a change of the file under load is heeded by every worker within five seconds, a mistake is told with its line, and no job is lost", async () => {
  const [a, b] = [await openUpstream(), await openUpstream()];
  const { draw, write, processes, sumOf, stack } = await start({
    workers: 2,
    file: fileOf([{ name: "a", upstream: a }]),
  });
  const first = draw(50);
  await expect.poll(() => a.requests.length).toBeGreaterThan(0);
  const changedAtMs = Date.now();
  write(fileOf([{ name: "b", upstream: b, weight: 3 }]));
  for (const { lines } of processes) {
    await expect.poll(() => lines.filter((line) => line.includes('"deployments":{"dall-e-2":["b"]}'))).toHaveLength(1);
    const line = lines.find((one) => one.includes('"deployments":{"dall-e-2":["b"]}')) ?? "";
    expect(JSON.parse(line).time - changedAtMs).toBeLessThan(5_000);
  }
  await Promise.all(first);
  const askedOfA = a.requests.length;
  expect(await statuses(draw(50, 50))).toEqual(Array.from({ length: 50 }, () => 200));
  expect(a.requests).toHaveLength(askedOfA);

  write(fileOf([{ name: "b", upstream: b, weight: 0 }]));
  for (const worker of processes) {
    const told = await worker.logged("The deployments file has mistakes");
    expect(told["mistakes"]).toEqual([expect.stringMatching(/deployments\.json:1:\d+: .*weight: expected at least 1/)]);
  }
  expect(await statuses(draw(10, 100))).toEqual(Array.from({ length: 10 }, () => 200));
  const pages = await sumOf("darkroom_provider_calls_total", 'upstream="b"');
  expect(pages).toBe(b.requests.length);
  await expectAllSucceeded(stack.redis.url, 110);
});

test("a generation waits while every deployment of its model is at its limit, and holds neither a slot nor an attempt", async () => {
  const upstream = await openUpstream();
  const gate = Promise.withResolvers<void>();
  upstream.next({ after: gate.promise });
  const { submit, read } = await start({
    file: fileOf([{ name: "a", upstream, concurrency: 1 }]),
    environment: { WORKER_CONCURRENCY: "2" },
  });
  const first = await submit("first");
  await expect.poll(() => upstream.requests.length).toBe(1);
  const others = await Promise.all(["second", "third", "fourth"].map(submit));
  for (const id of others) await expect.poll(() => read(id)).toMatchObject({ status: "queued", attempts: 0 });
  gate.resolve();
  for (const id of [first, ...others])
    await expect.poll(() => read(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(upstream.mostUnfinished()).toBe(1);
});

import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describeWithS3, freePort, startFakeOpenAi, temporaryFolder, s3Environment } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { everyGeneration, expectAllSucceeded } from "./every-generation.ts";
import { startS3Gate } from "./s3-gate.ts";
import { startStack } from "./stack.ts";

const refusalMs = 6_000;
/** How many requests are sent at a time: so few that an api which is short of CPU time sheds none. */
const atOnce = 20;

/** A stack with one worker and an upstream that counts what is bought. */
async function openStackWith(environment: Record<string, string>) {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const port = String(await freePort());
  const openai = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl };
  const stack = await startStack({ workers: 0, environment: { ...openai, WORKER_PORT: port, ...environment } });
  const worker = await stack.startWorker();
  const readiness = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
  const refusing = async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(/^darkroom_store_refusing (\d)$/m.exec(text)?.[1]);
  };

  return {
    stack,
    upstream,

    /** Has so many images drawn, all of them in the end, and the store refuse in the middle of it. Answers how many calls that took. */
    drawThrough: async (count: number, refuse: () => Promise<void> | void, open: () => Promise<void> | void) => {
      // A tenth is drawn before the store refuses, and nothing of the others, however late this process comes to that.
      const refused = Promise.withResolvers<void>();
      upstream.next(...Array.from({ length: count / 10 }, () => ({})));
      upstream.always({ after: refused.promise });
      for (let sent = 0; sent < count; sent += atOnce) {
        const answers = await Promise.all(
          Array.from({ length: atOnce }, (_, i) =>
            stack.generate(
              { model: "dall-e-2", prompt: `cat ${sent + i}`, size: "256x256" },
              respondAsync(stack.apiKey),
            ),
          ),
        );
        expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
      }
      await expect.poll(() => upstream.requests.length).toBeGreaterThan(count / 10);
      await refuse();
      refused.resolve();
      await expect.poll(readiness).toBe(503);
      expect(await refusing()).toBe(1);
      await worker.logged("begins no generation until it takes a write again");
      // What is under way comes in. From then on nothing is bought.
      await expect.poll(() => upstream.unfinished()).toBe(0);
      const bought = upstream.requests.length;
      await pause(refusalMs);
      expect(upstream.requests).toHaveLength(bought);
      expect(bought).toBeLessThan(count);
      await open();
      await expect.poll(readiness).toBe(200);
      expect(await refusing()).toBe(0);
      const isOver = async () => (await everyGeneration(stack.redis.url)).every(({ endedAtMs }) => endedAtMs !== null);
      await expect.poll(isOver, { interval: 500 }).toBe(true);
      await expectAllSucceeded(stack.redis.url, count);
      return { calls: upstream.requests.length };
    },
  };
}

const respondAsync = (apiKey: string): RequestInit => ({
  headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", prefer: "respond-async" },
});

/** Puts an empty file where nothing is. Whether it could. */
const isWritten = (path: string): Promise<boolean> =>
  writeFile(path, "", { flag: "wx" }).then(
    () => true,
    () => false,
  );

test("a folder that takes no writes for a while: no bought image is lost, and nothing is bought meanwhile", async () => {
  const folder = await temporaryFolder();
  const { drawThrough } = await openStackWith({ STORAGE_DIRECTORY: folder });
  const incoming = join(folder, "incoming");
  const drawn = await drawThrough(
    100,
    // As final an error as that of a disk that is mounted read-only, which the tests' user, root, could write to all the same.
    async () => {
      await rename(incoming, `${incoming}-away`);
      // A worker that misses the folder makes it anew, between these two as well.
      while (!(await isWritten(incoming))) await rm(incoming, { recursive: true, force: true });
    },
    async () => {
      await rm(incoming);
      await rename(`${incoming}-away`, incoming);
    },
  );
  expect(drawn).toEqual({ calls: 100 });
});

describeWithS3("an S3 whose credentials have expired for a while", (s3) => {
  test("no bought image is lost, and nothing is bought meanwhile", async () => {
    const gate = await startS3Gate(s3.endpoint);
    onTestFinished(() => gate.close());
    const { drawThrough } = await openStackWith(s3Environment(s3, { prefix: "refuses", endpoint: gate.url }));
    const drawn = await drawThrough(
      60,
      () => gate.refuse("ExpiredToken"),
      () => gate.open(),
    );
    expect(drawn).toEqual({ calls: 60 });
  });
});

import { openShiftedClock } from "@darkroom/testing";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { everyGeneration } from "./every-generation.ts";
import { openTroubledStack, type TroubledStack } from "./troubled-stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

const hasClock = (await openShiftedClock().then((clock) => clock?.close().then(() => true))) ?? false;
const minuteMs = 60_000;
const secretSchema = z.object({ secret: z.string() });

/** A stack whose clocks are right, and a worker beside it whose clock is not. */
async function openWithWrongClock(aheadMs: number) {
  const clock = await openShiftedClock();
  if (clock === null) throw new Error("There is a clock");
  onTestFinished(() => clock.close());
  await clock.forward(aheadMs);
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const stack = await openTroubledStack({
    environment: {
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  return { stack, receiver, startWrong: () => stack.startWorker({ ...clock.environment, WORKER_NAME: "wrong" }) };
}

/** Submits so many, whose first call fails in a way that is worth a retry; after so many seconds where that is said. */
async function submitFailing(
  stack: TroubledStack,
  count: number,
  { prompt, retryAfter, webhook }: { prompt: string; retryAfter?: string; webhook?: string },
): Promise<string[]> {
  const failure = {
    status: 500,
    body: { error: { message: "Later." } },
    headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
  };
  stack.upstream.next(...Array.from({ length: count }, () => failure));
  const all = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      stack.submit(`${prompt} ${i}`, webhook === undefined ? {} : { job: { webhook } }),
    ),
  );
  expect(all.map(({ status }) => status)).toEqual(all.map(() => 202));
  return all.map(({ id }) => id);
}

test.skipIf(!hasClock).each([
  ["ahead of", 10 * minuteMs],
  ["behind", -10 * minuteMs],
])(
  "a worker whose clock is ten minutes %s that of Redis says so, and nothing is lost, early or late because of it",
  async (word, aheadMs) => {
    const startedAtMs = Date.now();
    const { stack, receiver, startWrong } = await openWithWrongClock(aheadMs);
    const wrong = await startWrong();
    await wrong.logged(`The clock of this machine is 600 s ${word} that of Redis.`);
    await expect
      .poll(async () => (await stack.processes()).find(({ id }) => id === "wrong")?.clock_ahead_seconds)
      .toBe(aheadMs / 1_000);

    // Both work, and put off what fails for each other.
    const accepted = await submitFailing(stack, 8, { prompt: "a cat beside a worker whose clock is right" });
    await stack.untilAllEnded();
    // What the right one puts off is given out by the wrong one, which is alone then.
    await wrong.end("SIGTERM");
    const left = await submitFailing(stack, 1, {
      prompt: "a cat that the worker leaves whose clock is right",
      retryAfter: "20",
    });
    const standing = async () => {
      const { status, attempts } = await stack.generation(left[0] ?? "");
      return { status, attempts };
    };
    await expect.poll(standing).toEqual({ status: "queued", attempts: 1 });
    await Promise.all(stack.started.map((worker) => worker.end("SIGTERM")));
    const alone = await startWrong();
    accepted.push(...left);
    await stack.untilAllEnded();
    // And what it puts off itself.
    accepted.push(
      ...(await submitFailing(stack, 4, { prompt: "a cat of the worker whose clock is wrong", webhook: receiver.url })),
    );
    await stack.untilAllEnded();

    // A receiver refuses what is signed with a time that is five minutes from its own.
    await expect.poll(() => receiver.received.length).toBe(4);
    const { secret } = secretSchema.parse(JSON.parse((await stack.read("/v1/webhooks/secret")).text));
    for (const { body, headers } of receiver.received)
      expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();

    await stack.expectWholeHistory(accepted);
    const endedAtMs = Date.now();
    for (const record of await everyGeneration(stack.redisUrl)) {
      expect(record.attempts).toBeLessThanOrEqual(2);
      for (const timeMs of [record.createdAtMs, record.startedAtMs, record.endedAtMs]) {
        expect(timeMs).toBeGreaterThanOrEqual(startedAtMs - 1_000);
        expect(timeMs).toBeLessThanOrEqual(endedAtMs + 1_000);
      }
    }
    // No retry has waited for the clock that is wrong.
    expect(endedAtMs - startedAtMs).toBeLessThan(8 * minuteMs);
    expect(alone.lines.filter((line) => line.includes("lock of a job was lost"))).toEqual([]);
  },
);

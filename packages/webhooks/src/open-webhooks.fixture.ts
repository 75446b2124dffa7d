import { newGenerationId } from "@darkroom/contracts";
import { bill, delivery as images, openQueue } from "@darkroom/generations/queue-fixture";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { createWebhookParts } from "./open-webhook-worker.ts";
import type { WebhookDispatcherOptions } from "./webhook-dispatcher.ts";
import type { WebhookAnswer, WebhookWorkerOptions } from "./webhook-worker.ts";

export const delivered: WebhookAnswer = { outcome: "delivered", status: 200 };
export const retry: WebhookAnswer = { outcome: "retry", what: "It answered 500." };

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A queue of its own with webhooks, whose outbox is looked at by the test alone. */
export async function openWebhooks(options: { url?: string } = {}) {
  const queue = await openQueue(options);
  const { redis, keys, generations, quarantine } = queue;
  const { webhooks, batches, ...parts } = createWebhookParts({ redis, keys }, { generations, quarantine, log });

  function openDispatcher(over: Partial<WebhookDispatcherOptions> = {}) {
    const dispatcher = parts.dispatch({ everyMs: 3_600_000, unreadableAfterMs: 0, ...over });
    onTestFinished(() => dispatcher.close());
    return dispatcher;
  }

  /** Starts a worker that has all its deliveries delivered. */
  function openWorker(over: Partial<WebhookWorkerOptions> = {}) {
    const connection = connectWorker(testRedisUrl(), () => {});
    const worker = parts.work({
      redis: connection,
      concurrency: 10,
      perOrigin: 10,
      schedule: (attempt) => (attempt > 3 ? null : 1),
      leaseMs: 1_000,
      everyMs: 20,
      post: async () => delivered,
      ...over,
    });
    onTestFinished(async () => {
      await worker.close();
      connection.disconnect();
    });
    return worker;
  }

  return {
    ...queue,
    webhooks,
    batches,
    openDispatcher,
    dispatcher: openDispatcher(),

    /** A generation with a webhook that has ended. Returns the id of its delivery. */
    async ended(job: { webhook?: string; webhook_events?: ("succeeded" | "failed")[] } = {}, tenant = "acme") {
      const request = { prompt: "a cat", job: { webhook: "https://example.com/hook", ...job } };
      const given = queue.submission({ request, tenant });
      await generations.submit(given);
      await queue.attempts.start(given.id, given.lane);
      await queue.attempts.succeed(given.id, given.lane, 1, images, bill);
      return `msg_${given.id.slice("gen_".length)}_3`;
    },

    /** A delivery that waits in line, for tests that look at no generation. Returns its id. */
    async waiting(tenant: string, url = "https://example.com/hook") {
      const generationId = newGenerationId(Date.now());
      const id = `msg_${generationId.slice("gen_".length)}_3`;
      const told = {
        id,
        tenant,
        keyId: "key",
        generationId,
        ending: "succeeded",
        url,
        createdAtMs: Date.now(),
      } as const;
      await webhooks.create("", told);
      return id;
    },

    openWorker,

    /** Starts a worker whose receiver answers in turn, the last answer for ever. Returns the ids that were posted. */
    work(answers: WebhookAnswer[]): string[] {
      const posted: string[] = [];
      openWorker({
        post: async ({ delivery }) => {
          posted.push(delivery.id);
          return answers[Math.min(posted.length, answers.length) - 1] ?? delivered;
        },
      });
      return posted;
    },
  };
}

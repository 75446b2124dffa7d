import { workOffLane, type WorkOffLaneOptions } from "@darkroom/queue";
import { type WebhookDelivery, webhookLane } from "./webhook-delivery.ts";
import type { WebhookStore } from "./webhook-store.ts";
import { readSubject, type WebhookSubject, type WebhookSubjectStores } from "./webhook-subject.ts";

/** What came of one attempt. `what` is a sentence for the log and for the tenant. */
export type WebhookAnswer =
  | { outcome: "delivered"; status: number }
  /** Not now; not before `afterMs` where the receiver named a time. */
  | { outcome: "retry"; what: string; afterMs?: number | undefined }
  /** The address wants no more of this. */
  | { outcome: "gone"; what: string }
  /** The address may not be called at all. */
  | { outcome: "refused"; what: string };

export type WebhookWorkerOptions = Omit<WorkOffLaneOptions, "lane"> &
  WebhookSubjectStores & {
    webhooks: WebhookStore;
    /** How many of the deliveries at a time may go to one origin: a receiver that hangs holds no more than those. */
    perOrigin: number;
    post: (delivery: WebhookDelivery, subject: WebhookSubject, signal: AbortSignal) => Promise<WebhookAnswer>;
    /** The pause before an attempt, counted from 1, in milliseconds; null when there is to be none. */
    schedule: (attempt: number) => number | null;
  };

/** While an origin has all its slots in use, its other deliveries step aside for this long. */
const stepAsideMs = 1_000;

/** Works off the lane of webhooks. */
export function createWebhookWorker(options: WebhookWorkerOptions) {
  const { webhooks, perOrigin, post, schedule, log } = options;
  const inFlight = new Map<string, number>();

  /** One attempt. Returns how long to wait for the next, or null when the delivery is settled. */
  async function deliver(id: string, signal: AbortSignal): Promise<number | null> {
    const delivery = await webhooks.read(id);
    if (delivery === null || delivery.status !== "pending") return null;
    const { origin } = new URL(delivery.url);
    const busy = inFlight.get(origin) ?? 0;
    if (busy >= perOrigin) return stepAsideMs;
    inFlight.set(origin, busy + 1);
    try {
      return await attempt(delivery, signal);
    } finally {
      const left = (inFlight.get(origin) ?? 1) - 1;
      if (left === 0) inFlight.delete(origin);
      else inFlight.set(origin, left);
    }
  }

  async function attempt(delivery: WebhookDelivery, signal: AbortSignal): Promise<number | null> {
    const { id, generationId, batchId, tenant } = delivery;
    const fields = { webhookId: id, generationId, batchId, tenant };
    if (await webhooks.isOff(delivery)) {
      return settle(delivery, "off", { attempts: delivery.attempts, lastAnswer: "The address answered 410 before." });
    }
    const subject = await readSubject(options, delivery);
    if (subject === null || subject.record.status !== delivery.ending) {
      const lastAnswer =
        subject === null
          ? `The ${batchId === undefined ? "generation" : "batch"} is not kept any more.`
          : `The ${subject.kind} was retried and is ${subject.record.status}.`;
      return settle(delivery, "dead", { attempts: delivery.attempts, lastAnswer });
    }

    const attempts = delivery.attempts + 1;
    const answer = await post(delivery, subject, signal);
    if (answer.outcome === "delivered") {
      return settle(delivery, "delivered", { attempts, lastAnswer: `The receiver answered ${answer.status}.` });
    }
    const noted = { attempts, lastAnswer: answer.what };
    log.warn({ ...fields, attempts, outcome: answer.outcome }, `A webhook was not delivered: ${answer.what}`);
    if (answer.outcome === "gone") await webhooks.switchOff(delivery);
    const pauseMs = answer.outcome === "retry" ? schedule(attempts + 1) : null;
    if (answer.outcome !== "retry" || pauseMs === null) return settle(delivery, "dead", noted);
    const waitMs = Math.max(pauseMs, answer.afterMs ?? 0);
    await webhooks.postpone(id, attempts, answer.what, Date.now() + waitMs);
    return waitMs;
  }

  async function settle(
    { id }: WebhookDelivery,
    status: "delivered" | "dead" | "off",
    noted: { attempts: number; lastAnswer: string },
  ): Promise<null> {
    await webhooks.settle(id, status, noted);
    return null;
  }

  const { worker, close } = workOffLane({ ...options, lane: webhookLane }, (id, signal) =>
    deliver(id, signal).catch((error: unknown) => {
      // Broken off because this worker stops: the delivery goes back to its lane at once.
      if (signal.aborted) return 0;
      throw error;
    }),
  );

  return {
    ready: (): Promise<void> => worker.waitUntilReady(),

    /** Stops: what is being sent is broken off and sent again by another worker, under the same id. */
    async close(): Promise<void> {
      await close(0);
    },
  };
}

import type { KeyStore } from "@darkroom/accounts";
import { createBatchStore, showBatch } from "@darkroom/batches";
import type { createShowEnded, QueueConnection, QueueWorker } from "@darkroom/generations";
import type { CloseList, Logger } from "@darkroom/runtime";
import { batchEvent } from "./batch-event.ts";
import { contextHeaders, noTracer, type SpanOptions, type Tracer } from "@darkroom/tracing";
import { generationEvent } from "./generation-event.ts";
import { postWebhook } from "./post-webhook.ts";
import { createWebhookDispatcher, type WebhookDispatcherOptions } from "./webhook-dispatcher.ts";
import { createWebhookHttp } from "./webhook-http.ts";
import { webhookSchedule } from "./webhook-schedule.ts";
import { webhookSecret } from "./webhook-secret.ts";
import { createWebhookStore } from "./webhook-store.ts";
import { createWebhookWorker, type WebhookCall, type WebhookWorkerOptions } from "./webhook-worker.ts";

/** How often the owner of the looks looks, in milliseconds: the most that a webhook is late by whose ending no worker has told itself of. */
const lookMs = 500;
/** How often a worker looks that does not own the looks, in milliseconds: for what no message and no ending of its own has told it of. */
const ownLookMs = 30_000;

/** One receiver that hangs for its 15 s holds at most four slots of a worker, unless it took webhooks well before. */
const perOrigin = 4;

type WebhookPart = WebhookDispatcherOptions & WebhookWorkerOptions;

export type WebhookPartsOptions = Pick<WebhookPart, "generations" | "quarantine" | "log">;

type Parts = "redis" | "keys" | "generations" | "batches" | "webhooks" | "quarantine" | "log";

/** What a part needs beside what all parts share. A test may replace what they share. */
type Own<Options> = Omit<Options, Parts> & Partial<Options>;

/** The parts that deliver webhooks, on a connection that is open. */
export function createWebhookParts({ redis, keys }: QueueConnection, options: WebhookPartsOptions) {
  const batches = createBatchStore(redis, keys);
  const webhooks = createWebhookStore(redis, keys);
  const parts = { redis, keys, batches, webhooks, ...options };
  return {
    batches,
    webhooks,
    /** Hands endings over from the outbox to the line of deliveries, every so often. */
    dispatch: (own: Own<WebhookDispatcherOptions> = {}) => createWebhookDispatcher({ ...parts, ...own }),
    /** Takes deliveries from their line and posts them. */
    work: (own: Own<WebhookWorkerOptions>) => createWebhookWorker({ ...parts, ...own }),
  };
}

export type OpenWebhookWorkerOptions = {
  queue: Pick<QueueWorker, "connection" | "subscriber" | "generations" | "quarantine" | "leases">;
  keyStore: Pick<KeyStore, "webhookSecretVersions">;
  /** Shows a generation that has ended as its event does. */
  showEnded: ReturnType<typeof createShowEnded>;
  /** The operator's secrets, from which those of the API keys are derived: the current one, and the previous one while receivers still expect it. */
  signingSecrets: readonly string[];
  /** Whether webhooks may go to addresses of our own network. */
  allowPrivate: boolean;
  /** Whether webhooks may go over plain http. */
  allowInsecure: boolean;
  /** Webhooks at a time. They mostly wait. */
  concurrency: number;
  /** How long a worker may be silent before its webhooks are given to another, in milliseconds. */
  leaseMs: number;
  /**
   * The time that is signed with a webhook, in Unix milliseconds, by the clock of Redis. Receivers refuse one that is minutes from theirs. The clock
   * of this process when left out.
   */
  nowMs?: () => number;
  /** Called with what came of each post, and how long after the ending that was, in milliseconds. */
  onAnswer?: WebhookPart["onAnswer"];
  tracer?: Tracer | undefined;
  log: Logger;
  /** Is given the close of each part as soon as it is open. */
  closes: CloseList;
};

/** Delivers webhooks in a worker, beside its lanes. Rejects when Redis refuses the subscription to its channel. */
export async function openWebhookWorker(options: OpenWebhookWorkerOptions) {
  const { queue, keyStore, showEnded, signingSecrets, concurrency, leaseMs, nowMs = Date.now, log, closes } = options;
  const { tracer = noTracer } = options;

  const http = createWebhookHttp({ allowPrivate: options.allowPrivate, allowInsecure: options.allowInsecure });
  closes.add("the webhook connections", () => http.close());
  const parts = createWebhookParts(queue.connection, {
    generations: queue.generations,
    quarantine: queue.quarantine,
    log,
  });

  const worker = parts.work({
    concurrency,
    perOrigin,
    schedule: (attempt) => webhookSchedule(attempt, Math.random),
    leaseMs,
    nowMs,
    ...(options.onAnswer !== undefined && { onAnswer: options.onAnswer }),
    everyMs: ownLookMs,
    within: (call, run) => tracer.within(delivering(call), run),
    post: async ({ delivery, subject, hungBefore, signal }) => {
      const { id, url, keyId } = delivery;
      const { kind, record } = subject;
      const [payload, versions] = await Promise.all([
        kind === "batch" ? batchEvent(showBatch(record)) : showEnded(record).then(generationEvent),
        keyStore.webhookSecretVersions(keyId),
      ]);
      const secrets = signingSecrets.flatMap((master) =>
        versions.map((version) => webhookSecret(master, keyId, version)),
      );
      const span = tracer.active();
      const headers = contextHeaders(span.context);
      const post = { url, id, sentAtMs: nowMs(), payload, secrets, headers, hungBefore, signal };
      const answer = await postWebhook(post, http);
      const status = "status" in answer ? (answer.status ?? undefined) : undefined;
      span.set({ "http.response.status_code": status, "darkroom.outcome": answer.outcome });
      if (answer.outcome !== "delivered") span.fail(status === undefined ? answer.outcome : String(status));
      return answer;
    },
  });
  closes.add("the webhook worker", () => worker.close());
  const dispatcher = parts.dispatch({ onHandedOver: worker.wake, everyMs: ownLookMs });
  closes.add("the outbox of webhooks", () => dispatcher.close());

  const { redis, keys } = queue.connection;
  const { subscriber } = queue;
  const onMessage = (channel: string) => void (channel === keys.waitingDeliveries && worker.wakeIfFree());
  // What was said while the connection was away is lost.
  const onReady = () => worker.wakeIfFree();
  subscriber.on("message", onMessage).on("ready", onReady);
  closes.add(
    "the messages of webhooks that wait",
    () => void subscriber.off("message", onMessage).off("ready", onReady),
  );
  await subscriber.subscribe(keys.waitingDeliveries);
  // For what a worker has left behind that owned the looks and has died.
  worker.wake();

  // One worker of the fleet looks for endings that no process has told its own outbox of, and for deliveries that are due. It tells the others
  // where it has no slot for them. Where two do so, each claims endings and deliveries of its own.
  const looks = queue.leases.own({
    kind: "outbox",
    parts: ["all"],
    everyMs: lookMs,
    async tick() {
      try {
        await dispatcher.tick();
      } finally {
        // An ending that cannot be handed over does not hold up what is due.
        if (await worker.look()) await redis.publish(keys.waitingDeliveries, "");
      }
    },
    onError: (error) => log.warn({ err: error }, "Webhooks that are due could not be looked for"),
  });
  closes.add("the looks at the outbox of webhooks", () => looks.close());
  return {
    /**
     * To call when a generation with a webhook has ended in this process. The endings of other processes are found within half a second, by
     * the worker that owns the looks.
     */
    wake: (): void => dispatcher.wake(),
    /** How many webhooks this worker posts at the moment, by tenant. */
    slotsByTenant: worker.slotsByTenant,
  };
}

/** The span of one attempt at a delivery, in the trace of what it tells of. Of the address it has the host: the rest may be a secret. */
function delivering({ delivery, subject }: Pick<WebhookCall, "delivery" | "subject">): SpanOptions {
  const { id, url, tenant, attempts, generationId, batchId } = delivery;
  const host = URL.parse(url);
  return {
    name: "POST",
    kind: "client",
    parent: subject.record.trace,
    attributes: {
      "http.request.method": "POST",
      "server.address": host?.hostname,
      "url.scheme": host?.protocol.slice(0, -1),
      "http.request.resend_count": attempts === 0 ? undefined : attempts,
      "darkroom.webhook.id": id,
      "darkroom.tenant": tenant,
      "darkroom.generation.id": generationId,
      "darkroom.batch.id": batchId,
    },
    logFields: {
      webhookId: id,
      ...(generationId !== undefined && { generationId }),
      ...(batchId !== undefined && { batchId }),
    },
  };
}

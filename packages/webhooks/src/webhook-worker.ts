import pRetry from "p-retry";
import pTimeout from "p-timeout";
import type { Keys, Quarantine } from "@darkroom/redis";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { createDeliveryQueue, type DeliveryResult, type TakenDelivery } from "./delivery-queue.ts";
import { isUnreadable } from "./unreadable-webhook.ts";
import type { WebhookDelivery } from "./webhook-delivery.ts";
import { createWebhookSlots } from "./webhook-slots.ts";
import type { WebhookStore } from "./webhook-store.ts";
import { readSubject, type WebhookSubject, type WebhookSubjectStores } from "./webhook-subject.ts";

/** What came of one attempt. `what` is a sentence for the log and for the tenant. */
export type WebhookAnswer =
  | { outcome: "delivered"; status: number }
  /** Not now; not before `afterMs` where the receiver named a time. `hung`: it did not answer in time. */
  | { outcome: "retry"; what: string; afterMs?: number | undefined; hung?: boolean }
  /** The address wants no more of this. */
  | { outcome: "gone"; what: string }
  /** The address may not be called at all. */
  | { outcome: "refused"; what: string };

export type WebhookCall = {
  delivery: WebhookDelivery;
  subject: WebhookSubject;
  /** The address did not answer an attempt before this one, and is given little time. */
  hungBefore: boolean;
  signal: AbortSignal;
};

export type WebhookWorkerOptions = WebhookSubjectStores & {
  /** A patient connection: commands wait while Redis is away. */
  redis: Redis;
  keys: Keys;
  webhooks: WebhookStore;
  /** Deliveries at a time: see `createWebhookSlots`. */
  concurrency: number;
  /** How many of them may go to one origin at first: a receiver that hangs holds no more than those. See `createWebhookSlots`. */
  perOrigin: number;
  post: (call: WebhookCall) => Promise<WebhookAnswer>;
  /** Runs an attempt at a delivery, from its post to what follows from the answer. Absent: it is run as it is. */
  within?: <T>(call: Pick<WebhookCall, "delivery" | "subject">, run: () => Promise<T>) => Promise<T>;
  /** Called with what came of each post, and how long after the ending that was, in milliseconds. */
  onAnswer?: (told: { outcome: WebhookAnswer["outcome"]; sinceEndingMs: number }) => void;
  /** By the clock of Redis, in Unix milliseconds. The clock of this process when left out. */
  nowMs?: () => number;
  /** The pause before an attempt, counted from 1, in milliseconds; null when there is to be none. */
  schedule: (attempt: number) => number | null;
  /** How long a worker may be silent before its deliveries are given to another, in milliseconds; renewed at a third of it. */
  leaseMs: number;
  quarantine: Pick<Quarantine, "setAside">;
  log: Logger;
  /** How often the worker looks for deliveries without being told, in milliseconds. It also looks whenever a slot is free again. */
  everyMs?: number;
  /** See `lookAgainMs`. */
  lookAgainAfterMs?: number;
};

/**
 * One delivery that this worker posts. `renewedAtMs`: when its lease was last asked for, by the clock of `performance.now()`. `isAnswered`: what
 * came of it is being noted.
 */
type Run = TakenDelivery & { controller: AbortController; renewedAtMs: number; isAnswered: boolean };

/** What came of an attempt, and what it says about the address. */
type Attempt = { result: DeliveryResult; noteAddress?: () => Promise<void> };

/** Why a delivery is broken off: this worker stops, or another has taken it. */
type Interruption = "stopping" | "lost";

/** Two renewals of a lease may fail. */
const renewalsPerLease = 3;
/** The pause after the first attempt that could not be made. A refusal of Redis is often over by then. */
const firstFaultPauseMs = 500;
/** With pauses that double, 15 s: a refusal of Redis for as long as that is an outage, in which leases end. */
const noteRetries = 5;
/** The pause doubles each time up to this: a webhook waits no longer than half a minute for the end of an outage. */
const maxFaultPauseMs = 30_000;
/** Giving deliveries back takes one round trip; a Redis that is away is not waited for longer, and leases end by themselves. */
const handBackMs = 5_000;

/** How long a delivery waits whose attempt could not be made, in milliseconds: the longer, the more often it was taken. */
const faultPauseMs = ({ take }: TakenDelivery): number =>
  Math.min(firstFaultPauseMs * 2 ** (Number(take) - 1), maxFaultPauseMs);

/** Takes deliveries from their line, as many as it has slots for, and posts them. */
export function createWebhookWorker(options: WebhookWorkerOptions) {
  const { webhooks, post, schedule, quarantine, keys, log, leaseMs, everyMs = 500, nowMs = Date.now } = options;
  const { within = (_call, run) => run() } = options;
  const queue = createDeliveryQueue(options);
  const slots = createWebhookSlots(options.concurrency, options.perOrigin);
  const runs = new Map<Run, Promise<unknown>>();
  const renewEveryMs = leaseMs / renewalsPerLease;
  let stopping = false;
  /** The look that is under way, or the latest. One look at a time, or two would take for the same slots. */
  let looked: Promise<boolean> = Promise.resolve(false);
  /** Whether the latest look has left deliveries in line. Without any, a slot that becomes free finds nothing to do. */
  let isLeft = false;
  /** Whether a slot has become free since the latest look told Redis which are. */
  let isFreed = false;

  /** One attempt. Answers what came of it; null where there is nothing left to deliver. */
  async function deliver(run: Run): Promise<Attempt | null> {
    const delivery = await webhooks.read(run.id);
    if (delivery === null || delivery.status !== "pending") return null;
    const [address, subject] = await Promise.all([webhooks.stateOfAddress(delivery), readSubject(options, delivery)]);
    if (address.off) return { result: { status: "off", lastAnswer: "The address answered 410 before." } };
    if (subject === null) {
      const kind = delivery.batchId === undefined ? "generation" : "batch";
      return { result: { status: "dead", lastAnswer: `The ${kind} is not kept any more.` } };
    }
    if (subject.record.status !== delivery.ending) {
      const lastAnswer = `The ${subject.kind} was retried and is ${subject.record.status}.`;
      return { result: { status: "dead", lastAnswer } };
    }
    await stillHeld(run);
    const { signal } = run.controller;
    return within({ delivery, subject }, () => send(run, { delivery, subject, hungBefore: address.hung, signal }));
  }

  /** Posts a delivery, and answers what follows from what its receiver said. */
  async function send(run: Run, call: WebhookCall): Promise<Attempt> {
    const { delivery, hungBefore } = call;
    const postedAtMs = performance.now();
    const answer = await post(call);
    slots.noteAnswer(run, {
      isAccepted: answer.outcome === "delivered",
      afterMs: performance.now() - postedAtMs,
    });
    // The time of the ending is of the clock of Redis, which is known here to some milliseconds.
    const sinceEndingMs = Math.max(nowMs() - delivery.createdAtMs, 0);
    options.onAnswer?.({ outcome: answer.outcome, sinceEndingMs });
    return {
      result: resultOf(delivery, answer),
      noteAddress: () => noteAddress(delivery, hungBefore, answer),
    };
  }

  /** A process that stood still may have lost its lease meanwhile: it asks before it posts what another may be posting. */
  async function stillHeld(run: Run): Promise<void> {
    if (performance.now() - run.renewedAtMs >= renewEveryMs * 2) await renew();
    run.controller.signal.throwIfAborted();
  }

  async function noteAddress(delivery: WebhookDelivery, hungBefore: boolean, answer: WebhookAnswer): Promise<void> {
    const hung = answer.outcome === "retry" && answer.hung === true;
    if (answer.outcome === "gone") await webhooks.switchOff(delivery);
    if (hung && !hungBefore) await webhooks.noteHung(delivery);
    if (!hung && hungBefore) await webhooks.forgetHung(delivery);
  }

  function resultOf(delivery: WebhookDelivery, answer: WebhookAnswer): DeliveryResult {
    const { id, generationId, batchId, tenant } = delivery;
    const attempts = delivery.attempts + 1;
    if (answer.outcome === "delivered") {
      return { status: "delivered", attempts, lastAnswer: `The receiver answered ${answer.status}.` };
    }
    log.warn(
      { webhookId: id, generationId, batchId, tenant, attempts, outcome: answer.outcome },
      `A webhook was not delivered: ${answer.what}`,
    );
    const noted = { attempts, lastAnswer: answer.what };
    const scheduledMs = answer.outcome === "retry" ? schedule(attempts + 1) : null;
    if (answer.outcome !== "retry" || scheduledMs === null) return { status: "dead", ...noted };
    return { status: "again", pauseMs: Math.max(scheduledMs, answer.afterMs ?? 0), ...noted };
  }

  /** What becomes of a delivery whose attempt threw; null where that is for another worker to say, or it is set aside. */
  async function resultOfFault(run: Run, error: unknown): Promise<Attempt | null> {
    const why: Interruption | undefined = run.controller.signal.reason;
    if (why === "lost") return null;
    if (why === "stopping") return { result: { status: "later", pauseMs: 0 } };
    if (isUnreadable(error)) {
      await setAside(run.id, error);
      return null;
    }
    log.warn({ webhookId: run.id, err: error }, "A webhook could not be posted; it is tried again");
    return { result: { status: "later", pauseMs: faultPauseMs(run) } };
  }

  /**
   * Notes what came of an attempt, again and again while Redis refuses: what is not noted is posted once more. What a receiver answered to
   * a worker that has lost the delivery says nothing about its address now.
   */
  async function note(run: Run, attempt: Attempt): Promise<void> {
    run.isAnswered = true;
    const finish = () => queue.finish(run, attempt.result);
    const noted = await pRetry(finish, { retries: noteRetries, minTimeout: firstFaultPauseMs });
    if (noted === "ok") await attempt.noteAddress?.();
  }

  async function setAside(id: string, error: Error): Promise<void> {
    const record = keys.delivery(id);
    await quarantine.setAside({
      kind: "webhook-delivery",
      id,
      error,
      record,
      waits: { lists: [keys.deliveries] },
      drops: [record],
    });
  }

  function begin(taken: TakenDelivery, renewedAtMs: number): void {
    const run: Run = { ...taken, controller: new AbortController(), renewedAtMs, isAnswered: false };
    slots.hold(run);
    const done = deliver(run)
      .catch((error: unknown) => resultOfFault(run, error))
      .then((attempt) => attempt && note(run, attempt))
      .catch((error: unknown) => {
        log.warn(
          { webhookId: run.id, err: error },
          "What came of a webhook could not be noted; its lease ends by itself",
        );
      })
      .finally(() => {
        slots.release(run);
        runs.delete(run);
        isFreed = true;
        if (stopping) return;
        if (isLeft) takes.wake();
        else slots.forgetIdle();
      });
    runs.set(run, done);
  }

  /** Answers whether deliveries are left in line. */
  async function take(): Promise<boolean> {
    // A lease begins before its answer is here, which may come late.
    const askedAtMs = performance.now();
    isFreed = false;
    const { taken, unreadable, more, waiting } = await queue.take(slots);
    isLeft = waiting;
    for (const one of taken) begin(one, askedAtMs);
    // An origin whose slots became free meanwhile gets others with the next look.
    if (!isFreed) slots.forgetIdle();
    for (const id of unreadable) await setAside(id, new Error("Its record has no tenant, or is of another type."));
    if (stopping) for (const { controller } of runs.keys()) controller.abort("stopping" satisfies Interruption);
    else if (more || (isLeft && isFreed)) takes.wake();
    return waiting;
  }

  function look(): Promise<boolean> {
    const next = looked.catch(() => {}).then(take);
    looked = next;
    return next;
  }

  async function renew(): Promise<void> {
    const held = [...runs.keys()];
    const askedAtMs = performance.now();
    const lost = new Set(await queue.renew(held));
    for (const run of held) {
      run.renewedAtMs = askedAtMs;
      // Redis may have its result by now, and holds it no more.
      if (!lost.has(run) || run.isAnswered) continue;
      log.warn({ webhookId: run.id }, "Another worker has taken a webhook over; it is broken off here");
      run.controller.abort("lost" satisfies Interruption);
    }
  }

  const takes = createTicker({
    everyMs,
    tick: async () => void (await look()),
    onError: (error) => log.warn({ err: error }, "Webhooks that are due could not be taken"),
  });
  const renewals = createTicker({
    everyMs: renewEveryMs,
    tick: renew,
    onError: (error) => log.warn({ err: error }, "The leases of webhooks could not be renewed"),
    // A lease that is tried for less often runs out.
    maxPauseMs: renewEveryMs,
  });

  return {
    /** Looks for deliveries now: for when some have been put in line. */
    wake: (): void => takes.wake(),

    /** Looks for deliveries, where there is a slot for one: for when another worker says that some wait. */
    wakeIfFree: (): void => void (slots.free() > 0 && takes.wake()),

    /** Looks for deliveries. Answers whether some are left in line, and throws the errors of Redis. */
    look,

    /** How many webhooks it posts at the moment, by tenant. One with none is not there. */
    slotsByTenant: (): ReadonlyMap<string, number> => slots.byTenant,

    /** Stops: what is being sent is broken off and sent again by another worker, under the same id. */
    async close(): Promise<void> {
      stopping = true;
      await takes.close();
      for (const { controller } of runs.keys()) controller.abort("stopping" satisfies Interruption);
      await pTimeout(Promise.all(runs.values()), { milliseconds: handBackMs, fallback: () => [] });
      await renewals.close();
    },
  };
}

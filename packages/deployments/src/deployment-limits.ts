import { randomBytes } from "node:crypto";
import { defineScript, type Keys } from "@darkroom/redis";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { CallOutcome } from "./call-outcome.ts";
import type { OpenDeployment } from "./open-deployment.ts";

const chooseScript = defineScript(
  new URL("scripts/choose-deployment.lua", import.meta.url),
  z.union([z.tuple([z.literal("chosen"), z.int(), z.int(), z.enum(["1", ""])]), z.tuple([z.literal("full"), z.int()])]),
);
const endScript = defineScript(new URL("scripts/end-call.lua", import.meta.url), z.int());
const renewScript = defineScript(new URL("scripts/renew-calls.lua", import.meta.url), z.literal("ok"));

/** The part of each limit that batch lanes leave to callers who wait. */
const shareOfCallers = 1 / 10;

/** A job that finds no room comes back within half a minute, because a deployment may have room sooner than it seems. */
const longestWaitMs = 30_000;

/** As the backoff of a lane (`@darkroom/queue`): a limit that counts by the second has room after one, and none keeps us away for longer than it says. */
const limitPause = { firstMs: 1_000, maxMs: 30_000, jitterShare: 1 / 4, maxRetryAfterMs: 15 * 60_000 };

/** Five in a row are no accident. An upstream that restarts is back within half a minute, and one that is down for long costs a call in five minutes. */
const failurePause = { after: 5, firstMs: 30_000, maxMs: 300_000 };

/** No upstream that draws images is held back noticeably by 32 calls at a time. */
const fullPace = 32;

/** What happened to a deployment ten minutes ago says nothing about it now. */
const forgetAfterMs = 10 * 60_000;

/** Calls renew their leases three times within one: two renewals may fail. */
const renewalsPerLease = 3;

/** How a call ended. `dropped`: nothing is known of it. `unused`: it was never made. */
export type CallEnd = CallOutcome | "dropped" | "unused";

/** A call that counts against the limits of its deployment until it is ended. */
export type HeldCall = {
  deployment: OpenDeployment;
  /** The deployment is tried again after it was closed, so that it is to hear of a call that it has not refused. */
  isPaced: boolean;
  /** Tells what came of it. Never fails: a call that could not be ended stops counting after a lease. */
  end(outcome: CallEnd, retryAfterMs?: number): Promise<void>;
  /** Tells that the upstream has not refused it, while it is under way. Never fails. */
  accepted(): Promise<void>;
};

export type Choice = { kind: "chosen"; call: HeldCall } | { kind: "full"; waitMs: number };

export type ChooseOptions = {
  model: string;
  /** At least one. */
  deployments: readonly OpenDeployment[];
  /** Images that are asked for. */
  images: number;
  /** Whether nobody waits for the answer. */
  isBatch: boolean;
  /** The generation, which claims room where it has waited for long. Absent: it claims none. */
  waiting?: { generationId: string; queuedAtMs: number } | undefined;
};

export type DeploymentLimitsOptions = {
  redis: Redis;
  keys: Pick<Keys, "deployment" | "deploymentCalls" | "deploymentAsked" | "deploymentLine">;
  /** After this time without a renewal a call does not count any more, in milliseconds. */
  leaseMs: number;
  /** Uniform in [0, 1). */
  random?: () => number;
  log: Pick<Logger, "warn">;
};

/** The limits of deployments, kept in Redis by all workers together. Close it after the last call has ended. */
export function createDeploymentLimits({ redis, keys, leaseMs, random = Math.random, log }: DeploymentLimitsOptions) {
  /** The calls of this process that are under way, by what names them, and where they count. */
  const held = new Map<string, string>();
  const names = ({ limitsName }: OpenDeployment) => [
    keys.deployment(limitsName),
    keys.deploymentCalls(limitsName),
    keys.deploymentAsked(limitsName),
  ];

  const renewals = createTicker({
    everyMs: leaseMs / renewalsPerLease,
    maxPauseMs: leaseMs / renewalsPerLease,
    async tick() {
      if (held.size > 0) await renewScript(redis, [...held.values()], [leaseMs, ...held.keys()]);
    },
    onError: (error) => log.warn({ err: error }, "The calls of deployments could not be renewed"),
  });

  function hold(id: string, deployment: OpenDeployment, counted: { second: number; images: number; isPaced: boolean }) {
    const begunAtMs = performance.now();
    held.set(id, keys.deploymentCalls(deployment.limitsName));
    async function tell(outcome: CallEnd | "accepted", retryAfterMs = 0): Promise<void> {
      const { firstMs, maxMs, jitterShare, maxRetryAfterMs } = limitPause;
      try {
        await endScript(redis, names(deployment), [
          id,
          outcome,
          Math.floor(performance.now() - begunAtMs),
          Math.ceil(Math.min(retryAfterMs, maxRetryAfterMs)),
          firstMs,
          maxMs,
          random() * jitterShare,
          failurePause.after,
          failurePause.firstMs,
          failurePause.maxMs,
          fullPace,
          forgetAfterMs,
          counted.second,
          deployment.requestsFor(counted.images),
          counted.images,
        ]);
      } catch (error) {
        log.warn({ deployment: deployment.name, outcome, err: error }, "What came of a call could not be noted");
      }
    }
    const call: HeldCall = {
      deployment,
      isPaced: counted.isPaced,
      async end(outcome, retryAfterMs) {
        // First, so that a renewal that follows does not bring it back.
        if (held.delete(id)) await tell(outcome, retryAfterMs);
      },
      accepted: () => tell("accepted"),
    };
    return call;
  }

  return {
    /** Chooses a deployment that has room, and holds it for one call: one round trip. Rejects with the error of Redis. */
    async choose({ model, deployments, images, isBatch, waiting }: ChooseOptions): Promise<Choice> {
      const id = randomBytes(12).toString("base64url");
      const answer = await chooseScript(
        redis,
        [...deployments.flatMap(names), keys.deploymentLine(model, isBatch)],
        [
          id,
          leaseMs,
          random(),
          isBatch ? shareOfCallers : 0,
          images,
          longestWaitMs,
          waiting?.generationId ?? "",
          waiting?.queuedAtMs ?? 0,
          ...deployments.flatMap((one) => [
            one.priority,
            one.weight,
            one.requestsPerMinute ?? 0,
            one.imagesPerMinute ?? 0,
            one.concurrency ?? 0,
            one.requestsFor(images),
          ]),
        ],
      );
      if (answer[0] === "full") return { kind: "full", waitMs: answer[1] };
      const [, place, second, paced] = answer;
      const deployment = deployments[place - 1];
      if (deployment === undefined) throw new Error(`There is no deployment in place ${place} of '${model}'`);
      return { kind: "chosen", call: hold(id, deployment, { second, images, isPaced: paced === "1" }) };
    },

    close: (): Promise<void> => renewals.close(),
  };
}

export type DeploymentLimits = ReturnType<typeof createDeploymentLimits>;

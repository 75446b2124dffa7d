import type { Logger } from "@darkroom/runtime";
import { type ProviderCall, ProviderError, type ProviderReply } from "@darkroom/providers";
import { type CallOutcome, outcomeOfError, outcomeOfReply } from "./call-outcome.ts";
import type { DeploymentLimits, HeldCall } from "./deployment-limits.ts";
import type { OpenDeployment } from "./open-deployment.ts";
import type { OpenModel } from "./watch-deployments.ts";

/** A rate limit refuses a call at once. A call that has run for so long, in milliseconds, was accepted. */
const refusedWithinMs = 5_000;

/** A call of a deployment, before it is made and, with an outcome, after it. */
export type CallNote = {
  deployment: string;
  /** Absent before the call, and where the process died during it. */
  outcome?: CallOutcome | "aborted" | undefined;
  durationMs?: number | undefined;
  /** Whether the upstream may charge for it. True before it. */
  mayHaveCharged: boolean;
};

/** Of a call that has ended, for metrics. */
export type EndedCall = {
  model: string;
  deployment: OpenDeployment;
  /** Null where the call was aborted. */
  reply: Pick<ProviderReply, "images" | "missing"> | null;
  durationMs: number;
  /** Images that did not come and may have been charged, and how many of them another deployment is asked for. */
  doubtful: number;
  boughtAgain: number;
};

/** A reply, and which deployment gave it: the one that was asked last. */
export type RoutedReply = ProviderReply & {
  servedBy: OpenDeployment;
  /** Images that deployments before it may have charged for, and that it was asked for all the same. */
  boughtAgain: readonly { deployment: OpenDeployment; images: number }[];
};

export type RouteOptions = {
  limits: Pick<DeploymentLimits, "choose">;
  pool: OpenModel;
  isBatch: boolean;
  /** The call that is held for it since before the attempt began. */
  first: HeldCall;
  /** Records a call; `isEnd` replaces the latest record. Rejects where the attempt does not own its generation any more. */
  note: (note: CallNote, isEnd: boolean) => Promise<void>;
  onEnded: (call: EndedCall) => void;
  log: Logger;
};

/**
 * Asks a deployment for images, and another one where it delivered nothing and cannot have charged. Images that came go back at once, because
 * they must be noted before anything else is bought. Rejects as `ImageProvider.generate` does.
 */
export async function routeCall(options: RouteOptions, call: ProviderCall): Promise<RoutedReply> {
  const { pool, limits, isBatch } = options;
  const { model, buyAgainInDoubt } = pool;
  /** What is given up by deployments that were asked before. */
  const missing: ProviderReply["missing"] = [];
  const boughtAgain: { deployment: OpenDeployment; images: number }[] = [];
  const tried = new Set<string>();
  /** Why an image may be charged that was asked of another deployment all the same, by index. It is so once: nobody pays for it three times. */
  const doubts = new Map<number, ProviderError>();
  let { indexes } = call;
  let held = options.first;
  for (;;) {
    const { deployment } = held;
    tried.add(deployment.name);
    const { reply, ended } = await callDeployment(held, { ...call, indexes }, options);
    const mayAskAgain = ({ index, error }: ProviderReply["missing"][number]) =>
      mayAskAnother(error, buyAgainInDoubt && !doubts.has(index));
    const again = reply.images.length > 0 ? [] : reply.missing.filter(mayAskAgain);
    for (const { index, error } of again) if (error.facts.mayHaveCharged) doubts.set(index, error);
    const others = pool.deployments.filter(({ name }) => !tried.has(name));
    const next =
      again.length === 0 || others.length === 0
        ? undefined
        : await limits.choose({ model, deployments: others, images: again.length, isBatch }).catch((err: unknown) => {
            options.log.warn({ generationId: call.generationId, model, err }, "No other deployment could be chosen");
            return undefined;
          });
    const inDoubt = again.filter(({ error }) => error.facts.mayHaveCharged).length;
    options.onEnded({ ...ended, boughtAgain: next?.kind === "chosen" ? inDoubt : 0 });
    if (next?.kind !== "chosen") {
      const waitMs = next?.waitMs;
      const rest = reply.missing.map((one) => {
        const error = withDoubt(one.error, doubts.get(one.index));
        return { ...one, error: waiting(error, again.includes(one) ? waitMs : undefined) };
      });
      return { ...reply, missing: [...missing, ...rest], servedBy: deployment, boughtAgain };
    }
    if (inDoubt > 0) boughtAgain.push({ deployment, images: inDoubt });
    for (const { index, error } of reply.missing.filter((one) => !again.includes(one))) {
      missing.push({ index, error: withDoubt(error, doubts.get(index)) });
    }
    indexes = again.map(({ index }) => index);
    held = next.call;
    const fields = { generationId: call.generationId, model, from: deployment.name, to: held.deployment.name };
    options.log.info(
      { ...fields, images: indexes.length, outcome: outcomeOfReply(reply) },
      "Another deployment is asked",
    );
  }
}

/** A request that its caller has to change is refused by every deployment. */
const mayAskAnother = (error: ProviderError, buyAgainInDoubt: boolean): boolean =>
  outcomeOfError(error) !== "answered" && (buyAgainInDoubt || !error.facts.mayHaveCharged);

/**
 * The error of an image that was asked of another deployment although one before may have charged for it, and did not come from there either. It is
 * given up: a further attempt would ask the first again.
 */
function withDoubt(error: ProviderError, doubt: ProviderError | undefined): ProviderError {
  if (doubt === undefined) return error;
  return outcomeOfError(error) === "answered"
    ? new ProviderError({ ...error.facts, retryable: false, mayHaveCharged: true })
    : doubt;
}

/** How long a generation waits where a deployment's limit is met and there is no other: then the choice knows how long it is closed. */
const lookAgainMs = 1_000;

/** The error of an image that waits for a deployment with room, where one may have room. It is no failure of an attempt. */
function waiting(error: ProviderError, waitMs: number | undefined): ProviderError {
  const { facts } = error;
  const roomInMs = waitMs ?? (facts.rateLimited === true ? lookAgainMs : undefined);
  if (roomInMs === undefined || facts.mayHaveCharged) return error;
  return new ProviderError({ ...facts, retryable: true, rateLimited: true, retryAfterMs: undefined, roomInMs });
}

/** Makes one call: it is recorded before and after. A call that fails as a whole is a reply without images. */
async function callDeployment(held: HeldCall, call: ProviderCall, { pool, note, onEnded, log }: RouteOptions) {
  const { deployment } = held;
  const { name, adapter } = deployment;
  const sinceMs = performance.now();
  const durationMs = () => Math.round(performance.now() - sinceMs);
  try {
    await note({ deployment: name, mayHaveCharged: true }, false);
  } catch (error) {
    await held.end("unused");
    throw error;
  }
  const timer = held.isPaced ? setTimeout(() => void held.accepted(), refusedWithinMs) : undefined;
  let reply: ProviderReply;
  try {
    reply = await adapter.generate({ ...call, model: deployment.model ?? call.model });
  } catch (error) {
    if (!(error instanceof ProviderError)) {
      void held.end("dropped");
      const doubtful = call.indexes.length;
      onEnded({ model: pool.model, deployment, reply: null, durationMs: durationMs(), doubtful, boughtAgain: 0 });
      const aborted = { deployment: name, outcome: "aborted", durationMs: durationMs(), mayHaveCharged: true } as const;
      await note(aborted, true).catch((err: unknown) => {
        log.warn({ generationId: call.generationId, deployment: name, err }, "An aborted call could not be noted");
      });
      throw error;
    }
    reply = { images: [], missing: call.indexes.map((index) => ({ index, error })) };
  } finally {
    clearTimeout(timer);
  }
  const outcome = outcomeOfReply(reply);
  const doubtful = reply.missing.filter(({ error }) => error.facts.mayHaveCharged).length;
  const waits = reply.missing.map(({ error }) => error.facts.retryAfterMs ?? 0);
  const ended = { model: pool.model, deployment, reply, durationMs: durationMs(), doubtful };
  const mayHaveCharged = reply.images.length > 0 || doubtful > 0;
  // Sent together. Without its note a call counts as charged.
  await Promise.all([
    held.end(outcome, Math.max(0, ...waits)),
    note({ deployment: name, outcome, durationMs: ended.durationMs, mayHaveCharged }, true).catch((err: unknown) => {
      log.warn({ generationId: call.generationId, deployment: name, err }, "The end of a call could not be noted");
    }),
  ]);
  return { reply, ended };
}

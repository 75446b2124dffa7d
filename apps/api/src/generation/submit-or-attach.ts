import { type RateLimitUse, refusalError } from "@darkroom/accounts";
import { ApiError, isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { Earlier, GenerationRecord, Submission, Upstream, RequestIdentity } from "@darkroom/generations";
import type { FastifyReply, FastifyRequest } from "fastify";
import { limitHeaders } from "../limits/rate-limit-headers.ts";
import type { LoadShedder } from "../limits/load-shedder.ts";
import type { Queue } from "../open-queue.ts";
import type { Disconnects } from "./cancel-on-disconnect.ts";
import { followAnswer, type FollowedAnswer } from "./follow-answer.ts";
import { unreachable } from "./queue-answer.ts";

export type SubmitOrAttachOptions = {
  queue: Pick<Queue, "submit" | "generations" | "waits">;
  disconnects: Disconnects;
  loadShedder: Pick<LoadShedder, "inTurn">;
  log: Logger;
};

/** One call of a caller, and what it wants. */
export type Call = { request: FastifyRequest; reply: FastifyReply; wanted: Wanted };

type JoinOptions = {
  /** Whether its process is to hear of every change and partial image, too. */
  watch?: boolean;
  /** Whether the caller may hang up, and the generation goes on all the same. */
  mayHangUp?: boolean;
};

/**
 * What is to be submitted for a call. A request that is refused may find the generation of an earlier one all the same: what is there
 * and paid for is given, whatever would become of a new one.
 */
export type Wanted = Submission | { identity: RequestIdentity; refusal: ApiError };

/** A generation that a call has part in. */
export type Joined = {
  /** Not the submission's own where an earlier request made the generation. */
  id: string;
  /** What was read of a generation that an earlier request made; null where it has no record any more. Absent for a new one. */
  found?: GenerationRecord | null;
  /** A wait for its ending. It begins before the submission, so that no ending is missed. The caller must leave it. */
  wait: ReturnType<Queue["waits"]["wait"]>;
  answer: FollowedAnswer;
  /** Whether the same request sent again finds it. One that asks for a new generation, and names none, does not. */
  isFoundAgain: boolean;
};

/** What a caller is told on the way: which generation is theirs, who draws in place of a retired model, what they have used of their limits. */
type Tell = {
  id: (id: string) => void;
  upstream: (upstream: Upstream | undefined) => void;
  use: (use: RateLimitUse, submission: Submission) => void;
};

/**
 * Returns the function that submits a call's generation, or finds the one that an equal request has made before, and says on the
 * answer which it is. Throws `ApiError`: the request is refused, its key has reached a limit, its idempotency key stands for another
 * body, or Redis is away.
 */
export function createSubmitOrAttach({ queue, disconnects, loadShedder, log }: SubmitOrAttachOptions) {
  const { submit, generations, waits } = queue;

  /** The id of the generation that an earlier request made; null where a new one was accepted. */
  async function findOrSubmit(
    wanted: Wanted,
    waiting: Pick<RequestIdentity, "caller" | "watch">,
    tell: Tell,
  ): Promise<string | null> {
    if ("refusal" in wanted) {
      const found = await generations.attach({ ...wanted.identity, ...waiting });
      if (found === null) throw wanted.refusal;
      return attached(found, tell);
    }
    const submitted = await submit({ ...wanted, ...waiting });
    if ("id" in submitted) return attached(submitted, tell);
    if (submitted.use !== null) tell.use(submitted.use, wanted);
    if (submitted.kind === "refused") throw refusalError(submitted.refusal, wanted.admission);
    tell.id(wanted.id);
    tell.upstream(wanted.upstream);
    return null;
  }

  return async (call: Call, { watch = false, mayHangUp = false }: JoinOptions = {}): Promise<Joined> => {
    const { request, reply, wanted } = call;
    const identity = "refusal" in wanted ? wanted.identity : wanted;
    const lane = "refusal" in wanted ? "" : wanted.lane;
    const { id: ownId, request: imageRequest } = identity;
    log.debug({ requestId: request.id, generationId: ownId, prompt: imageRequest.prompt }, "A generation is submitted");
    const tell: Tell = {
      id(joinedId) {
        request.facts.generationId = joinedId;
        reply.header("x-generation-id", joinedId);
      },
      upstream(upstream) {
        if (upstream?.successor !== undefined) reply.header("x-generation-successor", upstream.successor);
      },
      use: (use, { admission }) => void reply.headers(limitHeaders(admission.limits, use)),
    };
    const caller = waits.newCaller();
    const follow = (waiting: { id: string; lane: string }, tellsAnswered = true) =>
      followAnswer({
        response: reply.raw,
        waiting: { ...waiting, caller },
        disconnects,
        tellsAnswered,
        whenCut: mayHangUp ? "later" : "cut",
      });

    // Before the submission, so that no ending can slip by.
    let wait = waits.wait(ownId);
    try {
      const id = await loadShedder.inTurn(reply.raw, async () => findOrSubmit(wanted, { caller, watch }, tell));
      const isFoundAgain = identity.idempotencyKey !== undefined || identity.forceNew !== true;
      if (id === null) return { id: ownId, wait, answer: follow({ id: ownId, lane }), isFoundAgain };
      const over = wait;
      wait = waits.wait(id);
      over.leave();
      const found = await generations.read(id);
      tell.upstream(found?.upstream);
      reply.header("idempotent-replayed", "true");
      // With an idempotency key no caller waits for what has ended: it is found as often as it is asked for.
      const isWaiting = identity.idempotencyKey === undefined || (found !== null && !isEnding(found.status));
      return { id, found, wait, answer: follow({ id, lane: found?.lane ?? lane }, isWaiting), isFoundAgain };
    } catch (error) {
      wait.leave();
      if (error instanceof ApiError) throw error;
      // It may have been accepted, or attached to another, all the same. A caller that is told otherwise must not pay for it.
      disconnects.giveUp({ id: ownId, lane, caller });
      reply.removeHeader("x-generation-id");
      throw unreachable(error);
    }
  };
}

export type SubmitOrAttach = ReturnType<typeof createSubmitOrAttach>;

function attached({ kind, id }: Earlier, tell: Tell): string {
  tell.id(id);
  if (kind === "attached") return id;
  throw new ApiError(
    "idempotency_mismatch",
    `This Idempotency-Key was used before with another body: it stands for ${id}. A new request needs a new key.`,
    { param: "Idempotency-Key" },
  );
}

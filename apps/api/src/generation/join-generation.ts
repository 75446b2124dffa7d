import { type MinuteUse, refusalError } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/observe";
import type { GenerationRecord, Submission } from "@darkroom/queue";
import type { FastifyReply, FastifyRequest } from "fastify";
import { limitHeaders } from "../http/limit-headers.ts";
import type { OpenQueue } from "../open-queue.ts";
import type { Abandoner } from "./abandoner.ts";
import { unreachable } from "./queue-answer.ts";

export type JoinGenerationOptions = {
  queue: Pick<OpenQueue, "submit" | "store" | "waits">;
  abandoner: Pick<Abandoner, "abandon">;
  log: Logger;
};

/** One call of a caller, and what is to be submitted for it. */
export type Call = { request: FastifyRequest; reply: FastifyReply; submission: Submission };

/** A generation that a call has part in. */
export type Joined = {
  /** Not the submission's own where an earlier request made the generation. */
  id: string;
  lane: string;
  /** What was read of a generation that an earlier request made; null where it has no record any more. Absent for a new one. */
  found?: GenerationRecord | null;
  /** A wait for its ending, from before any ending could slip by. Whoever joins must leave it. */
  wait: ReturnType<OpenQueue["waits"]["wait"]>;
};

/** What a caller is told on the way: which generation is theirs, what they have used of their limits. */
type Tell = { id: (id: string) => void; use: (use: MinuteUse) => void };

/** A generation that is canceled just as another call finds it is passed over by the next submission, so twice is enough. */
const maxTries = 2;

/**
 * Returns the function that submits a call's generation, or finds the one that the same request has made before, and says on the
 * answer which it is. Throws `ApiError`: the key has reached a limit, the idempotency key stands for another body, or Redis is away.
 */
export function createJoinGeneration({ queue, abandoner, log }: JoinGenerationOptions) {
  const { submit, store, waits } = queue;

  async function join(submission: Submission, tell: Tell): Promise<Joined> {
    // Before the submission, so that no ending can slip by.
    let wait = waits.wait(submission.id);
    try {
      for (let tries = 1; ; tries++) {
        const submitted = await submit({ ...submission, replyTo: waits.channel });
        if ("use" in submitted && submitted.use !== null) tell.use(submitted.use);
        if (submitted.kind === "refused") throw refusalError(submitted.refusal, submission.admission);
        const id = submitted.kind === "accepted" ? submission.id : submitted.id;
        tell.id(id);
        if (submitted.kind === "accepted") return { id, lane: submission.lane, wait };
        if (submitted.kind === "mismatch") throw mismatch(id);
        const over = wait;
        wait = waits.wait(id);
        over.leave();
        const found = await store.read(id);
        // Its last caller may have left between our submission and our wait, which canceled it.
        if (found?.status !== "canceled" || tries === maxTries) {
          return { id, lane: found?.lane ?? submission.lane, found, wait };
        }
      }
    } catch (error) {
      wait.leave();
      throw error;
    }
  }

  return async ({ request, reply, submission }: Call): Promise<Joined> => {
    const { id, lane, request: imageRequest } = submission;
    log.debug({ requestId: request.id, generationId: id, prompt: imageRequest.prompt }, "A generation is submitted");
    const tell: Tell = {
      id(joinedId) {
        request.facts.generationId = joinedId;
        reply.header("x-generation-id", joinedId);
      },
      use: (use) => void reply.headers(limitHeaders(submission.admission.limits, use)),
    };
    try {
      const joined = await join(submission, tell);
      if (joined.found !== undefined) reply.header("idempotent-replayed", "true");
      return joined;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      // It may have been accepted all the same. Whoever is told that it was not must not pay for it.
      abandoner.abandon(id, lane);
      reply.removeHeader("x-generation-id");
      throw unreachable(error);
    }
  };
}

export type JoinGeneration = ReturnType<typeof createJoinGeneration>;

const mismatch = (id: string) =>
  new ApiError(
    "idempotency_mismatch",
    `This Idempotency-Key was used before with another body: it stands for ${id}. A new request needs a new key.`,
    { param: "Idempotency-Key" },
  );

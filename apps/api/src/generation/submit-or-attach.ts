import { type RateLimitUse, refusalError } from "@darkroom/accounts";
import { ApiError, isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { messagingAttributes, noTracer, type SpanOptions, type Tracer } from "@darkroom/tracing";
import type { Earlier, GenerationRecord, Submission, Upstream, RequestIdentity } from "@darkroom/generations";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { LoadShedder } from "../limits/load-shedder.ts";
import type { Queue } from "../open-queue.ts";
import type { Disconnects } from "./cancel-on-disconnect.ts";
import { followAnswer, type FollowedAnswer } from "./follow-answer.ts";
import { unreachable } from "./queue-answer.ts";

export type SubmitOrAttachOptions = {
  queue: Pick<Queue, "submit" | "generations" | "waits">;
  disconnects: Disconnects;
  loadShedder: Pick<LoadShedder, "inTurn">;
  tracer?: Tracer | undefined;
  log: Logger;
};

/** One call of a caller, and what it requests. */
export type Call = { request: FastifyRequest; reply: FastifyReply; wanted: Wanted };

type JoinOptions = {
  /** Whether its process also gets every change and partial image. */
  watch?: boolean;
  /** Whether the generation goes on when the client disconnects. */
  mayHangUp?: boolean;
};

/**
 * The submission of a call. A request that would be refused may still find the generation of an earlier one, which is paid for; so the
 * refusal is kept until that was checked.
 */
export type Wanted = Submission | { identity: RequestIdentity; refusal: ApiError };

/** The generation of a call. */
export type Joined = {
  /** Another id than that of the submission where an earlier request created the generation. */
  id: string;
  /** The record of a generation that an earlier request created; null where it is gone. Absent for a new one. */
  found?: GenerationRecord | null;
  /** The wait for its ending. It begins before the submission, so that no ending is missed. The caller must call `leave`. */
  wait: ReturnType<Queue["waits"]["wait"]>;
  answer: FollowedAnswer;
};

/** Notes what the headers of the answer say: the id of the generation, the successor of a retired model, the use of the limits. */
type Tell = {
  id: (id: string) => void;
  upstream: (upstream: Upstream | undefined) => void;
  use: (use: RateLimitUse) => void;
};

/**
 * Returns the function that submits a call's generation, or attaches the call to that of an equal earlier request, and names it in a header of
 * the answer. Throws `ApiError`: the request is refused, its key has reached a limit, its idempotency key stands for another body, or Redis
 * is away.
 */
export function createSubmitOrAttach({
  queue,
  disconnects,
  loadShedder,
  tracer = noTracer,
  log,
}: SubmitOrAttachOptions) {
  const { submit, generations, waits } = queue;

  /** The id of the generation of an earlier request; null where a new one was accepted. */
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
    const submitted = await tracer.within(sending(wanted), async ({ context }) =>
      submit({ ...wanted, ...waiting, trace: context }),
    );
    if ("id" in submitted) return attached(submitted, tell);
    if (submitted.use !== null) tell.use(submitted.use);
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
      use: (use) => void (request.facts.rateLimitUse = use),
    };
    const caller = waits.newCaller();
    const follow = (waiting: { id: string; lane: string }, tellsAnswered = true) =>
      followAnswer({
        response: reply.raw,
        waiting: { ...waiting, caller },
        disconnects,
        tellsAnswered,
        whenCut: mayHangUp ? "later" : "cut",
        whenToldAgain: identity.forceNew === true && identity.idempotencyKey === undefined ? "returned" : "cut",
      });

    // Before the submission, so that no ending is missed.
    let wait = waits.wait(ownId);
    try {
      const id = await loadShedder.inTurn(reply.raw, async () => findOrSubmit(wanted, { caller, watch }, tell));
      if (id === null) return { id: ownId, wait, answer: follow({ id: ownId, lane }) };
      const over = wait;
      wait = waits.wait(id);
      over.leave();
      const found = await generations.read(id);
      tracer.active().link(found?.trace);
      tell.upstream(found?.upstream);
      reply.header("idempotent-replayed", "true");
      // With an idempotency key no caller waits for a generation that has ended, because every later request finds it.
      const isWaiting = identity.idempotencyKey === undefined || (found !== null && !isEnding(found.status));
      return { id, found, wait, answer: follow({ id, lane: found?.lane ?? lane }, isWaiting) };
    } catch (error) {
      wait.leave();
      if (error instanceof ApiError) throw error;
      // It may have been accepted, or attached to another. The caller gets an error, so it must not pay for it.
      disconnects.giveUp({ id: ownId, lane, caller });
      reply.removeHeader("x-generation-id");
      throw unreachable(error);
    }
  };
}

/** The span that puts a generation on its lane. The attempts at it are its parts, in whatever process they run. */
const sending = ({ id, lane, model, tenant, upstream }: Submission): SpanOptions => ({
  name: `send ${lane}`,
  kind: "producer",
  attributes: {
    ...messagingAttributes({ type: "send", destination: lane, id }),
    "darkroom.generation.id": id,
    "darkroom.tenant": tenant,
    "darkroom.model": model,
    "darkroom.images.wanted": upstream.parameters.n ?? 1,
  },
  logFields: { generationId: id },
});

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

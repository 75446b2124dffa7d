import type { Generation } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { Tracer } from "@darkroom/tracing";
import type { GenerationRecord, Submission } from "@darkroom/generations";
import type { Drain } from "../drain.ts";
import type { Joined, SubmitOrAttach, Wanted } from "../generation/submit-or-attach.ts";
import { type InterruptionError, limitWait, waitForEnding } from "../generation/wait-for-ending.ts";
import type { RenderGeneration } from "../generation/render-generation.ts";
import type { SendAccepted } from "../generation/send-generation.ts";
import { sendEnding } from "../generation/send-ending.ts";
import type { ImagesBody } from "../generation/images-body.ts";
import type { HeldRequests } from "../limits/held-requests.ts";
import type { Queue } from "../open-queue.ts";
import type { WaitMode } from "./answer-when-ended.ts";

export type AnswerAtOnceOptions = {
  queue: Pick<Queue, "generations" | "waits">;
  submitOrAttach: SubmitOrAttach;
  renderGeneration: RenderGeneration;
  imagesBody: ImagesBody;
  sendAccepted: SendAccepted;
  interruptionError: InterruptionError;
  drain: Drain;
  heldRequests: HeldRequests;
  tracer?: Tracer | undefined;
  log: Logger;
  /** No caller waits on the line for longer, whatever they prefer. */
  syncTimeoutMs: number;
};

/**
 * Answers a request with `Prefer: respond-async`: the generation with 202, to be read by its id; with `wait`, the images if they are
 * there in time. The caller may disconnect: the generation goes on.
 */
export function createAnswerAtOnce(options: AnswerAtOnceOptions): WaitMode {
  const {
    queue,
    submitOrAttach,
    renderGeneration,
    imagesBody,
    sendAccepted,
    interruptionError,
    drain,
    heldRequests,
    tracer,
    log,
    syncTimeoutMs,
  } = options;

  return async ({ preference, ...call }) => {
    const { reply } = call;
    const waitSeconds = Math.min(preference.waitSeconds ?? 0, Math.floor(syncTimeoutMs / 1_000));
    const limit = limitWait({ response: reply.raw, timeoutMs: waitSeconds * 1_000, drain, heldRequests, kind: "sync" });
    try {
      const joined = await submitOrAttach(call, { mayHangUp: true });
      const { id, answer } = joined;
      // Not before it is accepted: one that its caller was told to send again must not run.
      const kept = queue.generations.keep(id).catch((error: unknown) => {
        log.warn({ generationId: id, err: error }, "Redis is away: a generation may be canceled after its 202");
      });
      if (waitSeconds > 0) {
        const ended = await waitForEnding({ queue, joined, interrupted: limit.interrupted, tracer, log });
        if (ended === "disconnect") return reply.hijack();
        if (ended === "stopped") throw await interruptionError(ended, joined);
        if (typeof ended === "object" || ended === "gone") {
          reply.header("preference-applied", `wait=${waitSeconds}`);
          return await sendEnding(reply, ended, answer, imagesBody);
        }
      } else {
        joined.wait.leave();
      }
      const [generation] = await Promise.all([show(joined, call.wanted), kept]);
      if (generation === "gone") return await sendEnding(reply, "gone", answer, imagesBody);
      reply.header("preference-applied", waitSeconds > 0 ? `respond-async, wait=${waitSeconds}` : "respond-async");
      return sendAccepted(reply, generation);
    } finally {
      limit.release();
    }
  };

  /** What is known of it where it cannot be read: it was accepted, and its caller needs the id. */
  async function show({ id, found }: Joined, wanted: Wanted): Promise<Generation | "gone"> {
    const record = await queue.generations.read(id).catch((error: unknown) => {
      log.warn({ generationId: id, err: error }, "An accepted generation cannot be read; its caller is told its id");
      return found === undefined && "lane" in wanted ? acceptedRecord(wanted, Date.now()) : (found ?? null);
    });
    return record === null ? "gone" : renderGeneration(record);
  }
}

/** A generation as it is right after its acceptance, for a caller whose generation cannot be read. `nowMs`: Unix milliseconds. */
const acceptedRecord = (submission: Submission, nowMs: number): GenerationRecord => ({
  id: submission.id,
  tenant: submission.tenant,
  keyId: submission.keyId,
  lane: submission.lane,
  model: submission.model,
  batchId: null,
  lineIndex: null,
  request: submission.request,
  upstream: submission.upstream,
  status: "queued",
  createdAtMs: nowMs,
  queuedAtMs: nowMs,
  startedAtMs: null,
  endedAtMs: null,
  expiresAtMs: submission.expiresInMs === undefined ? null : nowMs + submission.expiresInMs,
  resumesAtMs: null,
  version: 1,
  attempts: 0,
  failures: 0,
  handbacks: 0,
  rateLimits: 0,
  brokenOffAttempt: null,
  calls: [],
  stopped: false,
  delivery: null,
  open: true,
  superseded: [],
  missing: [],
  error: null,
  terms: submission.terms,
  reservedMicros: submission.admission.worstCaseMicros,
  costMicros: null,
  inDoubt: false,
  billUndelivered: submission.billUndelivered ?? "none",
  trace: null,
});

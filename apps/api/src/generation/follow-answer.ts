import type { ServerResponse } from "node:http";
import type { GenerationRecord } from "@darkroom/generations";
import type { Disconnects, Waiting } from "./cancel-on-disconnect.ts";

export type FollowAnswerOptions = {
  response: ServerResponse;
  waiting: Waiting;
  disconnects: Pick<Disconnects, "leave" | "leaveNow">;
  /** Whether the queue must know that the answer was written. */
  tellsAnswered: boolean;
  /** How a disconnected caller leaves: `later` for a caller that may disconnect and come back. */
  whenCut: "cut" | "later";
  /** How a caller leaves that is told to send its request again: `returned` where the request asks for a new generation. */
  whenToldAgain: "cut" | "returned";
};

/** The report to the queue about the answer of a caller. Nothing is reported until its response closes. */
export type FollowedAnswer = {
  /**
   * Call it before an answer that does not have the ending: `later` where the generation goes on or has ended, `again` where the caller is told
   * to send its request again. Then a request that follows the answer at once finds the generation. Answers whether the queued generation
   * was canceled.
   */
  leave: (how: "again" | "later") => Promise<"canceled" | "kept">;
};

/**
 * Reports the answer of a caller to the queue when its response closes: it was written to the last byte, or the connection broke before.
 */
export function followAnswer({
  response,
  waiting,
  disconnects,
  tellsAnswered,
  whenCut,
  whenToldAgain,
}: FollowAnswerOptions): FollowedAnswer {
  let told = false;
  function onClose(): void {
    if (told) return;
    told = true;
    if (!response.writableFinished) disconnects.leave(waiting, whenCut);
    else if (tellsAnswered) disconnects.leave(waiting, response.statusCode === 202 ? "accepted" : "answered");
  }
  if (response.destroyed) onClose();
  else response.once("close", onClose);

  return {
    async leave(how) {
      told = true;
      const leaving = how === "again" ? whenToldAgain : how;
      try {
        return await disconnects.leaveNow(waiting, leaving);
      } catch {
        // Redis is away: the report is sent when it is back.
        disconnects.leave(waiting, leaving);
        return "kept";
      }
    },
  };
}

/** Reports, once the answer is written, that a succeeded generation was read by its id, so that no equal request gets its images. */
export function followRead(
  response: ServerResponse,
  { id, lane, status, open }: GenerationRecord,
  disconnects: Pick<Disconnects, "leave">,
): void {
  if (status !== "succeeded" || !open) return;
  response.once("close", () => {
    if (response.writableFinished) disconnects.leave({ id, lane, caller: "" }, "answered");
  });
}

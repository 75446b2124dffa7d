import type { ServerResponse } from "node:http";
import type { GenerationRecord } from "@darkroom/generations";
import type { Disconnects, Waiting } from "./cancel-on-disconnect.ts";

export type FollowAnswerOptions = {
  response: ServerResponse;
  waiting: Waiting;
  disconnects: Pick<Disconnects, "leave" | "leaveNow">;
  /** Whether the queue has to know that the answer was written. */
  tellsAnswered: boolean;
  /** How a caller leaves whose connection breaks: `later` for one that may hang up as it likes. */
  whenCut: "cut" | "later";
};

/** What the queue is told about the answer of a caller: nothing, until its response closes. */
export type FollowedAnswer = {
  /**
   * To be called before the answer where that is not how the generation ended: `later` where it goes on or is there, `cut` where the
   * caller is to send its request again. A request that comes right after the answer finds the generation then. Says whether the
   * queued generation was canceled.
   */
  leave: (how: "cut" | "later") => Promise<"canceled" | "kept">;
};

/**
 * Tells the queue what becomes of the answer of a caller once its response closes: it was written to the last byte, or the connection
 * broke before.
 */
export function followAnswer({
  response,
  waiting,
  disconnects,
  tellsAnswered,
  whenCut,
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
      try {
        return await disconnects.leaveNow(waiting, how);
      } catch {
        // Redis is away: it is told as soon as it is back.
        disconnects.leave(waiting, how);
        return "kept";
      }
    },
  };
}

/** Tells the queue that a succeeded generation was read by its id, once that is written: no equal request is given its images. */
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

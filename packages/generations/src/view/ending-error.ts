import { ApiError } from "@darkroom/contracts";
import type { GenerationRecord } from "../records/generation-record.ts";

/** The fields of a record that decide the error. */
type Ended = Pick<GenerationRecord, "id" | "status" | "error"> & Partial<Pick<GenerationRecord, "stopped">>;

/**
 * The error for a waiting caller whose generation ended without images. An ending is final: the queue has tried again where that could
 * help, and only the caller can decide to pay for another request.
 */
export function endingError({ id, status, error, stopped }: Ended): ApiError {
  switch (status) {
    case "failed":
      if (error === null) break;
      return new ApiError(error.code, error.message, { param: error.param, retryable: false });
    case "expired":
      // The caller's own limit on the wait ran out, so this is a timeout. The code `expired` is for reading by id, long after.
      return new ApiError(
        "timeout_error",
        "The request was not begun within 'job.expires_in' and has expired. Nothing was generated.",
        { param: "job.expires_in", retryable: false },
      );
    case "canceled":
      return new ApiError("conflict", whyCanceled(id, stopped), { retryable: false });
    default:
  }
  return new ApiError("server_error", "Darkroom failed while it handled this request.", {
    cause: new Error(`The record of ${id} is ${status} and holds neither images nor an error`),
  });
}

const whyCanceled = (id: string, stopped = false) =>
  stopped
    ? `The generation ${id} was canceled before it was begun: its API key is no longer in use. Nothing was generated.`
    : `The generation ${id} was canceled before it was finished.`;

/** The error for a waiting caller whose record is gone: Redis came back without its data. */
export const lostError = () =>
  new ApiError(
    "overloaded",
    "The queue lost this request before it was begun, and nothing was generated. Send it again.",
    { retryAfterMs: 1_000 },
  );

import type { ApiError, BatchFault } from "@darkroom/contracts";

/** The faults that the input of a batch can have. `docs/batches.md` shows the table, and a test compares the two. */
export const inputFaultCodes = [
  // OpenAI's.
  "empty_file",
  "too_many_tasks",
  "invalid_json_line",
  "duplicate_custom_id",
  "url_mismatch",
  "model_mismatch",
  "token_limit_exceeded",
  // Ours.
  "invalid_encoding",
  "line_too_long",
  "too_many_errors",
  // Those of a single request.
  "invalid_request_error",
  "model_not_allowed",
  "model_unpriced",
  "insufficient_quota",
  "not_found",
] as const;
type InputFaultCode = (typeof inputFaultCodes)[number];

type Place = { line?: number; param?: string };

/** A fault of one line, or without `line` one of the whole file. */
export const inputFault = (code: InputFaultCode, message: string, { line, param }: Place = {}): BatchFault => ({
  code,
  message,
  param: param ?? null,
  line: line ?? null,
});

/** The fault for the error of a synchronous call. `prefix` is the path of the body in the line. */
export const requestFault = ({ code, message, param }: ApiError, line: number, prefix = ""): BatchFault => ({
  code,
  message,
  param: param === null ? null : prefix + param,
  line,
});

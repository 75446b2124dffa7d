import { type ErrorCode, errorCodes } from "@darkroom/contracts";
import { z } from "zod";

/** Why a generation failed, for its record and its caller. */
export const failureSchema = z.object({
  /** A code that only another release knows is kept as a failure. */
  code: z.custom<ErrorCode>((code) => typeof code === "string" && code in errorCodes).catch("server_error"),
  message: z.string(),
  param: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

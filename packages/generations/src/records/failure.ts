import { type ErrorCode, errorCodes } from "@darkroom/contracts";
import { z } from "zod";

/** Why a generation failed, as the record keeps it and the caller is told. */
export const failureSchema = z.object({
  /** A code of another release is a failure all the same. */
  code: z.custom<ErrorCode>((code) => typeof code === "string" && code in errorCodes).catch("server_error"),
  message: z.string(),
  param: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

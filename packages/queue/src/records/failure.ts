import { type ErrorCode, errorCodes } from "@darkroom/contracts";
import { z } from "zod";

/** Why a generation failed, as the record keeps it and the caller is told. */
export const failureSchema = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === "string" && code in errorCodes),
  message: z.string(),
  param: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

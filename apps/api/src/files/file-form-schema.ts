import { ApiError, expiresAfterSchema, parseBody } from "@darkroom/contracts";
import { z } from "zod";

/** The fields of an upload beside its file, which come as text. */
export const fileFormSchema = z.strictObject({
  purpose: z.enum(["batch"]),
  "expires_after[anchor]": expiresAfterSchema.shape.anchor.optional(),
  "expires_after[seconds]": z
    .string()
    .regex(/^\d{1,10}$/, "must be a whole number of seconds")
    .transform(Number)
    .pipe(expiresAfterSchema.shape.seconds)
    .optional(),
});

/** What an upload is for, and for how long. Throws `ApiError`. */
export function parseFileForm(fields: Readonly<Record<string, string>>) {
  const { purpose, ...expiry } = parseBody(fileFormSchema, fields);
  const anchor = expiry["expires_after[anchor]"];
  const expiresInSeconds = expiry["expires_after[seconds]"];
  if ((anchor === undefined) !== (expiresInSeconds === undefined)) {
    const param = anchor === undefined ? "expires_after[anchor]" : "expires_after[seconds]";
    throw new ApiError("invalid_request_error", `Missing required parameter: '${param}'.`, { param });
  }
  return { purpose, expiresInSeconds };
}

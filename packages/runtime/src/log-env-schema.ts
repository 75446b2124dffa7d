import { z } from "zod";

/** The environment variables of every process that logs. */
export const logEnvSchema = z.object({
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("The least that is logged. Prompts appear at `debug` only."),
});

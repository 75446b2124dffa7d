import { z } from "zod";

/** The provider that draws for itself: no key, no bill. */
export const settingsSchema = z.object({
  SANDBOX_DELAY_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe("How long the sandbox waits before it draws, to simulate a slow model."),
  SANDBOX_FAIL_EVERY: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("After how many calls the sandbox fails in a way that a retry repairs; 0 is never."),
  SANDBOX_DIRECTIVES: z
    .stringbool()
    .default(false)
    .describe(
      "Whether prompts may script the sandbox, as in [sandbox:delay=500] or [sandbox:fail=429,retry-after=2,times=1].",
    ),
  SANDBOX_INSTANT: z
    .stringbool()
    .default(false)
    .describe("Whether the sandbox answers with one plain image for each size and format: to measure everything else."),
});
export type SandboxSettings = z.output<typeof settingsSchema>;

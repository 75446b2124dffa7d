import { z } from "zod";

/** A call of a deployment, as the record keeps it. */
const upstreamCallSchema = z.object({
  /** The attempt that made it. */
  attempt: z.int(),
  /** The name of the deployment. */
  deployment: z.string(),
  /** What came of it. Absent while it is under way, and where the worker died during it. */
  outcome: z.string().optional(),
  durationMs: z.number().optional(),
  /** Whether the upstream may have charged for it. True until it has ended. */
  mayHaveCharged: z.boolean(),
});

export type NotedCall = Omit<z.infer<typeof upstreamCallSchema>, "attempt">;
export type UpstreamCall = z.infer<typeof upstreamCallSchema> & { startedAtMs: number };

const lineSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: "must be JSON" });
      return z.NEVER;
    }
  })
  .pipe(upstreamCallSchema);

/** A generation that a rate limit has refused for a day may have made hundreds. The latest tell why it waits. */
export const keptCalls = 20;

/** Reads the field `calls` of a record, see `note-call.lua`. Nothing depends on it but what is shown, so what cannot be read is left out. */
export function readCalls(text: string | undefined): UpstreamCall[] {
  return (text?.split("\n") ?? []).flatMap((line) => {
    const space = line.indexOf(" ");
    const call = lineSchema.safeParse(line.slice(space + 1));
    const startedAtMs = Number(line.slice(0, space));
    return call.success && Number.isSafeInteger(startedAtMs) ? [Object.assign(call.data, { startedAtMs })] : [];
  });
}

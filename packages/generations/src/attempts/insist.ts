import { setTimeout as pause } from "node:timers/promises";
import { createBackoff, type Logger } from "@darkroom/runtime";

/**
 * Pauses between tries to write to a Redis that answers with errors (a failover, a full disk). At most five seconds, because the outcome must
 * be written before another worker takes the job for lost, ten seconds after Redis takes writes again at the soonest.
 */
const insistPauses = { firstMs: 1_000, maxMs: 5_000 };
/** Ten minutes outlast a failover and the clearing of a full disk; then the job goes back to its lane. */
const insistForMs = 600_000;

/**
 * Writes to the record until Redis takes it. An error of Redis while an attempt is settled is not a failure of the attempt, and every script
 * may be repeated.
 */
export async function insist<Answer>(write: () => Promise<Answer>, log: Logger, fields: object): Promise<Answer> {
  const backoff = createBackoff(insistPauses);
  const untilMs = performance.now() + insistForMs;
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (performance.now() >= untilMs) throw error;
      log.warn({ ...fields, tries, err: error }, "Redis did not take the outcome; it is written again");
      await pause(backoff.next());
    }
  }
}

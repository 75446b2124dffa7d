import { expect, test } from "vitest";
import type { Told } from "./chaos-callers.ts";
import { startRollingFleet } from "./rolling-fleet.ts";

const callers = Number(process.env["ROLLING_CALLERS"] ?? 100);
/**
 * Longer than the 5 s in which an api hears that it is drained, and the 20 s for which it then waits for its callers, so that those who have
 * just begun to wait are told to come back.
 */
const callMs = 30_000;

test(`two apis and three workers are restarted one after the other under ${callers} callers: each is answered`, async () => {
  const fleet = await startRollingFleet({ apis: 2, workers: 3, callMs, callers, batchLines: 20 });
  /** The callers that came to an api when it stopped. */
  const dismissed: Promise<Told>[] = [];

  const told = await fleet.callWhile(async () => {
    for (const [i, by] of (["signal", "name", "name"] as const).entries()) await fleet.replaceWorker(i, by);
    for (const [i, by] of (["signal", "name"] as const).entries()) {
      // It is accepted while the api is leaving, and its call takes longer than the api waits: this caller is told to come back.
      let tries = 0;
      const firstHere = () => (tries++ === 0 ? (fleet.origins[i] ?? "") : fleet.balancer.next());
      dismissed.push(fleet.callOnce("sync", `Picture of the last caller of api ${i}`, firstHere));
      await fleet.replaceApi(i, by);
    }
  });
  told.push(...(await Promise.all(dismissed)));

  expect(told.length).toBeGreaterThan(callers);
  const comeBack = fleet.expectNoBrokenAnswer();
  expect(comeBack).toBeGreaterThanOrEqual(dismissed.length);
  await fleet.expectCleanHistory(told);
  console.info(`${told.length} calls in ${fleet.answers.length} answers, ${comeBack} of them a 503 with Retry-After`);
});

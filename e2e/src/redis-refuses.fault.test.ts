import { expect, test } from "vitest";
import { expectPatience, expectRecovery, openRefusing } from "./refusing-stack.ts";

test(
  "while Redis refuses, running processes are quiet, idle and not ready, and go on when that is over",
  { timeout: 240_000 },
  async () => {
    const stack = await openRefusing();
    for (const [answer, { begin, end }] of Object.entries(stack.refusals)) {
      const bought = stack.upstream.requests.length;
      stack.upstream.always({ delayMs: 300 });
      const underWay = Array.from({ length: 5 }, (_, i) => stack.submit(`cat ${i} while ${answer}`));
      await expect.poll(() => stack.upstream.requests.length, { message: answer }).toBeGreaterThan(bought);
      await begin();
      await expectPatience(stack, answer);
      expect(await stack.submit(`a dog while ${answer}`), `submission while ${answer}`).toBe(503);
      await end();
      await expectRecovery(stack, answer);
      await Promise.all(underWay);
    }
    // What is wrong and what to do stood in the log of each, once in a while.
    for (const { lines } of [...stack.apis, ...stack.workers]) {
      expect(
        lines.filter((line) => line.includes("Redis has no memory left and takes no writes. Raise")).length,
      ).toBeGreaterThan(0);
    }
  },
);

import { expect, test } from "vitest";
import { expectPatienceThroughout, openRefusing } from "./refusing-stack.ts";

test("while Redis refuses, running processes are quiet, idle and not ready, and go on after", async () => {
  const stack = await openRefusing();
  await expectPatienceThroughout(stack, stack.refusals);
  // What is wrong and what to do stood in the log of each, once in a while.
  for (const { lines } of [...stack.apis, ...stack.workers]) {
    const told = lines.filter((line) => line.includes("Redis has no memory left and takes no writes. Raise"));
    expect(told.length).toBeGreaterThan(0);
  }
});

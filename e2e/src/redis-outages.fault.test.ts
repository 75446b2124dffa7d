import { expect, test } from "vitest";
import { expectPatienceThroughout, openRefusing } from "./refusing-stack.ts";

test("while Redis is away, silent or busy, running processes are quiet, idle and not ready, and go on after", async () => {
  const stack = await openRefusing();
  await expectPatienceThroughout(stack, stack.outages);
  expect(await stack.readiness()).toEqual([200, 200]);
});

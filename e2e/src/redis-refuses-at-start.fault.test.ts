import { expect, test } from "vitest";
import { expectPatience, expectRecovery, openRefusing } from "./refusing-stack.ts";

test.each(["OOM", "NOREPLICAS", "MISCONF"] as const)(
  "processes that are started while Redis answers %s start, wait, and work when that is over",
  async (answer) => {
    const stack = await openRefusing();
    await Promise.all([...stack.apis, ...stack.workers].map((service) => service.end("SIGTERM")));
    await stack.refusals[answer].begin();
    const port = new URL(stack.origin).port;
    const [api, worker] = await Promise.all([
      stack.startApi({ PORT: port, PUBLIC_BASE_URL: stack.origin }),
      stack.startWorker(),
    ]);
    await expectPatience({ ...stack, apis: [api], workers: [worker] }, answer);
    await stack.refusals[answer].end();
    await expectRecovery(stack, answer);
    expect(await stack.readiness()).toEqual([200, 200]);
  },
);

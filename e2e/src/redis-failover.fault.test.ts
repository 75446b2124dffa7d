import { setTimeout as pause } from "node:timers/promises";
import { canCutOff, type FailoverGroup, startFailoverGroup } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startStack } from "./stack.ts";

/** What a person does not call an outage any more. */
const resumedWithinMs = 10_000;

type Loss = { title: string; lose: (group: FailoverGroup) => Promise<void>; inNetwork?: boolean };

const losses: readonly Loss[] = [
  { title: "was killed", lose: async ({ primary }) => primary.kill() },
  { title: "is frozen", lose: async ({ primary }) => primary.freeze() },
  { title: "is cut off from the network", lose: async ({ cutOff }) => cutOff(), inNetwork: true },
];

test.for(losses)(
  "a primary that $title is replaced by Sentinel: no acknowledged generation is lost, and work goes on",
  async ({ lose, inNetwork = false }, { skip }) => {
    if (inNetwork) skip(!canCutOff(), "Network namespaces need Linux, root and iproute2.");
    const { group, submitter } = await open({ inNetwork, environment: { REDIS_WAIT_REPLICAS: "1" } });
    await submitter.untilAcknowledged(30);
    await lose(group);
    await group.untilFailedOver();
    const failedOverAtMs = performance.now();
    const last = submitter.acknowledged.length;
    await submitter.untilAcknowledged(last + 1);
    await expect.poll(() => submitter.statusOf(submitter.acknowledged[last] ?? "")).toBe("succeeded");
    const endedAtMs = performance.now();
    expect(endedAtMs - failedOverAtMs).toBeLessThan(resumedWithinMs);
    await submitter.stop();
    expect(await submitter.untilAllEnded()).toEqual(new Set(["succeeded"]));
  },
);

test.for([
  { replicas: "0", does: "is acknowledged, and lost with it", status: 202 },
  { replicas: "1", does: "is not acknowledged", status: 503 },
])(
  "where $replicas replicas are waited for, what none has got when the primary dies $does",
  async ({ replicas, status }) => {
    const environment = { REDIS_WAIT_REPLICAS: replicas, REDIS_WAIT_TIMEOUT_MS: "200" };
    const { group, submitter } = await open({ environment });
    await submitter.untilAcknowledged(5);
    await submitter.stop();
    // They are away for as long as it takes to write something that only the primary has.
    for (const replica of group.replicas) await replica.kill();
    const late = await submitter.submit();
    expect(late.status).toBe(status);
    expect(late.retryAfter).not.toBeNull();
    await group.primary.kill();
    for (const replica of group.replicas) await replica.restart();
    await group.untilFailedOver();
    // A 503 names no generation.
    await expect.poll(() => submitter.statusOf(late.id || "gen_none")).toBe(404);
  },
);

async function open({ inNetwork = false, environment }: { inNetwork?: boolean; environment: Record<string, string> }) {
  const group = await startFailoverGroup({ inNetwork });
  onTestFinished(group.stop);
  const stack = await startStack({ apis: 1, workers: 2, environment: { REDIS_URL: group.url, ...environment } });
  // Its own keys are read by tests without a failover.
  await stack.redis.stop();
  return { group, submitter: submitTo(stack) };
}

/** Submits one generation after the other, and notes those that were acknowledged. */
function submitTo(stack: Awaited<ReturnType<typeof startStack>>) {
  const authorization = { authorization: `Bearer ${stack.apiKey}` };
  const acknowledged: string[] = [];
  const unexpected: number[] = [];
  let submitted = 0;
  const stopping = new AbortController();

  async function submit() {
    const answer = await fetch(`${stack.origin}/v1/images/generations`, {
      method: "POST",
      headers: { ...authorization, "content-type": "application/json", prefer: "respond-async" },
      body: JSON.stringify({ model: "dall-e-2", size: "256x256", prompt: `cat ${submitted++} [sandbox:delay=300]` }),
    }).catch((cause: unknown) => {
      const last = stack.apis[0]?.lines.slice(-5).join("\n");
      throw new Error(`A submission got no answer. The last lines of the api:\n${last}`, { cause });
    });
    await answer.body?.cancel();
    const id = answer.headers.get("x-generation-id") ?? "";
    return { status: answer.status, id, retryAfter: answer.headers.get("retry-after") };
  }

  async function statusOf(id: string): Promise<string | number> {
    const answer = await fetch(`${stack.origin}/v1/generations/${id}`, {
      headers: authorization,
    });
    if (answer.status !== 200) return answer.status;
    const shown: unknown = await answer.json();
    return String(Reflect.get(Object(shown), "status"));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const { status, id } = await submit();
      if (status === 202) acknowledged.push(id);
      else if (status !== 503) unexpected.push(status);
      await pause(20);
    }
  }
  const running = run();
  // What ends it fails the test where that waits for the next submission. A test that has failed before takes the api away.
  running.catch(() => {});
  const failed = new Promise<never>((_, reject) => void running.catch(reject));
  failed.catch(() => {});
  return {
    acknowledged,
    submit,
    statusOf,
    async untilAcknowledged(count: number): Promise<void> {
      const enough = async () => expect.poll(() => acknowledged.length).toBeGreaterThanOrEqual(count);
      await Promise.race([enough(), failed]);
    },
    async stop(): Promise<void> {
      stopping.abort();
      await running;
      expect(unexpected).toEqual([]);
    },
    /** The statuses of all that were acknowledged, once each has ended or is gone. */
    async untilAllEnded(): Promise<Set<string | number>> {
      let seen = new Set<string | number>();
      // Each Sentinel tells of the failover, and each time the connections look for the primary: a 503 may come once more.
      const unsettled = async () => {
        seen = new Set(await Promise.all(acknowledged.map(statusOf)));
        return [...seen].filter((one) => [503, "queued", "running"].includes(one));
      };
      await expect.poll(unsettled).toEqual([]);
      return seen;
    },
  };
}

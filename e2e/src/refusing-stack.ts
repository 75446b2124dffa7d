import { freePort, startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { redisOutages, type RedisRefusal, redisRefusals } from "./redis-refusals.ts";
import { startStack } from "./stack.ts";
import { watchProcesses } from "./watch-processes.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

/** How long each process is watched in each refusal. Without pauses a worker wrote some 15,000 lines in that time. */
const watchMs = 1_500;
/** Loops, requests and webhooks together, in that time. */
const mostLines = 60;
/** Two fifths of a core, for all that an outage makes a process do. A loop that does not wait takes all of one. */
const mostCpuMs = 600;

const drawing = { model: "dall-e-2", size: "256x256" };

/** An api and a worker beside a Redis that can be made to refuse. */
export async function openRefusing() {
  const upstream = await startFakeOpenAi();
  const receiver = await startWebhookReceiver();
  onTestFinished(async () => {
    await upstream.close();
    await receiver.close();
  });
  const workerPort = String(await freePort());
  const stack = await startStack({
    redisPassword: "the password of this test",
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      LOG_LEVEL: "info",
      WORKER_PORT: workerPort,
      SYNC_TIMEOUT_MS: "5000",
      WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  const submit = (prompt: string) =>
    stack
      .generate({ ...drawing, prompt, job: { webhook: receiver.url } }, { signal: AbortSignal.timeout(8_000) })
      .then(({ status }) => status)
      .catch(() => 0);
  /** The status of `/readyz` of api and worker. */
  const readiness = () =>
    Promise.all(
      [stack.origin, `http://127.0.0.1:${workerPort}`].map(async (origin) => (await fetch(`${origin}/readyz`)).status),
    );
  return {
    ...stack,
    upstream,
    submit,
    readiness,
    outages: redisOutages(stack.redis),
    refusals: redisRefusals(stack.redis),
  };
}

type Refusing = Awaited<ReturnType<typeof openRefusing>>;

/** Both processes while Redis refuses: quiet, idle, and not ready. */
export async function expectPatience(stack: Pick<Refusing, "readiness" | "apis" | "workers">, answer: string) {
  await expect.poll(stack.readiness, { message: `readiness while ${answer}` }).toEqual([503, 503]);
  const watched = await watchProcesses([...stack.apis, ...stack.workers], watchMs);
  for (const [i, { lines, cpuMs }] of watched.entries()) {
    const what = `${["api", "worker"][i]} while ${answer}`;
    expect(lines.length, `${what}: ${lines.slice(0, 20).join("\n")}`).toBeLessThan(mostLines);
    expect(cpuMs, `CPU time of ${what}`).toBeLessThan(mostCpuMs);
  }
  expect(await stack.readiness()).toEqual([503, 503]);
}

/** Everything works again. The pauses of a few seconds' refusal are some seconds long. */
export async function expectRecovery({ submit, readiness }: Pick<Refusing, "submit" | "readiness">, answer: string) {
  await expect.poll(readiness, { message: `readiness after ${answer}` }).toEqual([200, 200]);
  await expect.poll(() => submit(`a cat after ${answer}`), { message: `after ${answer}` }).toBe(200);
}

/** Each outage in turn, with generations under way when it begins. */
export async function expectPatienceThroughout(stack: Refusing, outages: Readonly<Record<string, RedisRefusal>>) {
  for (const [outage, { begin, end }] of Object.entries(outages)) {
    const bought = stack.upstream.requests.length;
    stack.upstream.always({ delayMs: 300 });
    const underWay = Array.from({ length: 5 }, (_, i) => stack.submit(`cat ${i} while ${outage}`));
    await expect.poll(() => stack.upstream.requests.length, { message: outage }).toBeGreaterThan(bought);
    await begin();
    await expectPatience(stack, outage);
    expect(await stack.submit(`a dog while ${outage}`), `submission while ${outage}`).toBe(503);
    await end();
    await expectRecovery(stack, outage);
    await Promise.all(underWay);
  }
}

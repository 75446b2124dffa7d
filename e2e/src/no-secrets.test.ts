import { errorCodes } from "@darkroom/contracts";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { redisRefusals } from "./redis-refusals.ts";
import { type ExposedStack, startExposedStack } from "./secrets/exposed-stack.ts";
import { waysToFail } from "./secrets/provoke-errors.ts";
import { everythingInFolder, everythingInRedis, type Found } from "./secrets/read-everything.ts";
import { createSecretSearch } from "./secrets/secret-search.ts";
import { startStack } from "./stack.ts";
import { endKeys, hearEchoes, misuse, startWithMistakes, tellInOwnContent, useWell } from "./secrets/use-everything.ts";

/** A slow request is noticed after fifteen seconds, and twenty-one processes are started beside the stack's own. */
const timeout = 180_000;

test("no secret is in a log line, an answer, a metric, Redis, the object store or a webhook", { timeout }, async () => {
  const stack = await startExposedStack();
  const { caller, own, makeKey } = stack;
  const { key } = await makeKey("good");
  const { overloaded, request_timeout: slow, ...ways } = waysToFail(stack, key);
  const meanwhile = Promise.all([startWithMistakes(stack), slow()]);
  await useWell(stack, key);
  await endKeys(stack);
  await misuse(stack, [key, stack.apiKey, own["the admin key"]], key);
  const told = await tellInOwnContent(stack, key);
  await hearEchoes(stack, key);
  // One after the other: an upstream is told how to fail next.
  for (const fail of Object.values(ways)) await fail();
  const [lastWords] = await meanwhile;

  const { kept, stored } = await readAll(stack);
  await overloaded();
  const services = [...stack.apis, ...stack.workers];
  await Promise.all(services.map((service) => service.end("SIGTERM")));
  expect(Object.keys(errorCodes).filter((code) => !caller.codes().has(code))).toEqual([]);

  const log = [...services.flatMap(({ lines }) => lines), ...lastWords].map(foundIn("the log"));
  const webhooks = stack.receiver.received.map((webhook) => foundIn("a webhook")(JSON.stringify(webhook)));
  const everything = [log, caller.answers(), kept, stored, webhooks];
  // Nothing was looked at in vain.
  expect(everything.map((found) => found.length > 5)).toEqual([true, true, true, true, true]);
  expect(stored.some(({ where }) => where.includes("_ledger/"))).toBe(true);
  expect(leaks(stack.secrets, everything.flat())).toEqual([]);

  // What callers write into their own requests is in their own records, and is in the answer when they read these.
  const content = { "what a caller told itself": told };
  const isOwn = ({ where }: Found) =>
    /^darkroom:(generation|delivery):|^a webhook$|^(GET|POST) \/v1\/(images\/)?(generations|webhooks\/deliveries)\S*: 200$/.test(
      where,
    );
  expect(leaks(content, kept.filter(isOwn))).not.toEqual([]);
  expect(
    leaks(
      content,
      everything.flat().filter((found) => !isOwn(found)),
    ),
  ).toEqual([]);
});

const foundIn =
  (where: string) =>
  (text: string): Found => ({ where, bytes: Buffer.from(text) });

/** Has the admin and the operator read what they can read, and reads what the service keeps. */
async function readAll({ ask, caller, workerOrigin, redis, images }: ExposedStack) {
  for (const path of ["/metrics", "/admin/keys", "/v1/usage", "/admin/tenants/acme/usage"]) {
    expect((await ask(path)).status).toBe(200);
  }
  const day = new Date().toISOString().slice(0, 10);
  expect((await ask(`/admin/ledger/${day}/export`, {})).status).toBe(200);
  expect((await caller.call(workerOrigin, "/metrics")).status).toBe(200);
  return { kept: await everythingInRedis(redis.url), stored: await everythingInFolder(images) };
}

/** Each leak as a line that says what leaked where, with the beginning of the text around it. */
function leaks(secrets: Readonly<Record<string, string>>, among: readonly Found[]): string[] {
  const { find } = createSecretSearch(secrets);
  return among.flatMap(({ where, bytes }) =>
    find(bytes).map((what) => `${what}, in ${where}: ${bytes.toString("latin1").slice(0, 400)}`),
  );
}

test(
  "nothing of a request is in a log line, whatever Redis answers while requests are under way",
  { timeout },
  async () => {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    const secrets = {
      "a prompt": "a wedding cake for Eleonora and Bartholomew",
      "the end user": "customer-4711-of-acme",
      "a key of metadata": "order-number-of-eleonora",
      "a value of metadata": "order-8f14e45fceea167a5a36dedd",
      "a webhook's token": "hooktoken-c9f0f895fb98ab9159f51fd0",
      "the password of Redis": "redispassword-45c48cce2e2d7fbdea1a",
      "the OpenAI key": "sk-proj-6512bd43d9caa6e02c990b0a82652dca",
    };
    const stack = await startStack({
      redisPassword: secrets["the password of Redis"],
      environment: {
        OPENAI_API_KEY: secrets["the OpenAI key"],
        OPENAI_BASE_URL: upstream.baseUrl,
        LOG_LEVEL: "info",
        SYNC_TIMEOUT_MS: "5000",
        WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
        WEBHOOK_ALLOW_PRIVATE: "true",
        WEBHOOK_ALLOW_INSECURE: "true",
      },
    });
    let submitted = 0;
    const body = () => ({
      model: "dall-e-3",
      // An equal request may be given the picture of one that was cut off.
      prompt: `${secrets["a prompt"]} ${submitted++}`,
      user: secrets["the end user"],
      job: {
        metadata: { [secrets["a key of metadata"]]: secrets["a value of metadata"] },
        webhook: `http://127.0.0.1:1/hook?token=${secrets["a webhook's token"]}`,
      },
    });
    const submit = () => stack.generate(body(), { signal: AbortSignal.timeout(8_000) }).catch(() => null);
    const services = [...stack.apis, ...stack.workers];
    const refusals = redisRefusals(stack.redis);

    for (const [answer, refusal] of Object.entries(refusals)) {
      const seen = services.map(({ lines }) => lines.length);
      const before = upstream.requests.length;
      upstream.always({ delayMs: 500 });
      const underWay = [submit(), submit()];
      await expect.poll(() => upstream.requests.length, { message: answer }).toBeGreaterThanOrEqual(before + 2);
      await refusal.begin();
      // Both kinds of process have been refused, and have said so. Requests go on: the first may fail for the connection that broke.
      const silent = () => {
        underWay.push(submit());
        return services.filter(
          ({ lines }, i) => !lines.slice(seen[i]).some((line) => line.includes(`"message":"${answer}`)),
        ).length;
      };
      const message = `processes without ${answer} in their log`;
      await expect.poll(silent, { message, interval: 500 }).toBe(0);
      await refusal.end();
      await Promise.all(underWay);
      await expect.poll(async () => (await submit())?.status, { message: `after ${answer}` }).toBe(200);
    }
    await Promise.all(services.map((service) => service.end("SIGTERM")));
    expect(leaks(secrets, services.flatMap(({ lines }) => lines).map(foundIn("the log")))).toEqual([]);
  },
);

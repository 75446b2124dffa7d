import { errorCodes } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { type ExposedStack, startExposedStack } from "./secrets/exposed-stack.ts";
import { waysToFail } from "./secrets/provoke-errors.ts";
import { everythingInFolder, everythingInRedis, type Found } from "./secrets/read-everything.ts";
import { createSecretSearch } from "./secrets/secret-search.ts";
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

  // What callers write into their own requests is in their own records, and whoever asks for those reads it again.
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

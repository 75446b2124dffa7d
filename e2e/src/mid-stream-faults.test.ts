import { hash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { json as jsonOf } from "node:stream/consumers";
import { listeningPort, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import {
  base64,
  beginning,
  json,
  midStreamFaults,
  oddReplies,
  png,
  write,
} from "../../packages/providers/src/http/mid-stream.fixture.ts";
import { everyGeneration } from "./every-generation.ts";
import { type Stack, startStack } from "./stack.ts";

const askedSchema = z.object({ prompt: z.string() });
const answerSchema = z.object({
  data: z.array(z.object({ url: z.string() })).default([]),
  error: z.object({ code: z.string() }).optional(),
});

type Answer = (response: ServerResponse) => unknown;

type Fault = (typeof midStreamFaults)[number];
const envOf = ([, , , env = {}]: Fault) => env;
/** A limit of bytes that only its own row is to meet is tested with the adapter. */
const faults = midStreamFaults.filter((fault) => !("PROVIDER_MAX_IMAGE_BYTES" in envOf(fault)));
const slow = faults.filter((fault) => Object.keys(envOf(fault)).length > 0);
const quick = faults.filter((fault) => !slow.includes(fault));
/** Long enough that the calls after the slow ones meet neither on a busy machine. */
const shortLimits = { PROVIDER_IDLE_TIMEOUT_MS: "10000", PROVIDER_TOTAL_TIMEOUT_MS: "30000" };

/** An upstream that answers each call by the name in its prompt, and counts the calls of each. */
async function startUpstream(answers: ReadonlyMap<string, Answer>) {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    void (async () => {
      const { prompt } = askedSchema.parse(await jsonOf(request));
      calls.set(prompt, (calls.get(prompt) ?? 0) + 1);
      await answers.get(prompt)?.(response);
    })().catch(() => response.destroy());
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${port}/v1`, calls };
}

async function startStackAt(baseUrl: string, environment: Record<string, string> = {}) {
  const spool = await temporaryFolder();
  const stack = await startStack({
    environment: { OPENAI_API_KEY: "k", OPENAI_BASE_URL: baseUrl, SPOOL_DIRECTORY: spool, ...environment },
  });
  const draw = async (prompt: string, n = 1) => {
    const response = await stack.generate({ model: "gpt-image-2", quality: "low", response_format: "url", prompt, n });
    const { data, error } = answerSchema.parse(await response.json());
    return { name: prompt, code: error?.code, urls: data.map(({ url }) => url) };
  };
  return { stack, spool, draw };
}

const sha256At = async (url: string) => hash("sha256", Buffer.from(await (await fetch(url)).arrayBuffer()));

/** The images in the store, and those that records name. */
async function imagesOf({ images, redis }: Stack) {
  const files = await readdir(`${images}/objects/_images`, { recursive: true, withFileTypes: true });
  const stored = files.filter((file) => file.isFile()).map((file) => `${file.parentPath}/${file.name}`);
  const records = await everyGeneration(redis.url);
  return {
    statuses: new Set(records.map(({ status }) => status)),
    stored: stored.map((path) => path.slice(path.indexOf("_images/"))).toSorted(),
    named: records.flatMap(({ delivery }) => delivery?.images.map(({ key }) => key) ?? []).toSorted(),
    halfWritten: await readdir(`${images}/incoming`),
  };
}

const title =
  "whatever an upstream does in mid-stream has a typed outcome, frees its slot, and stores nothing that no record names";

test.each([
  { what: "with the usual limits of time", replies: oddReplies, misbehaving: quick, limits: {} },
  { what: "where it is too slow", replies: [], misbehaving: slow, limits: shortLimits },
])(`${title}: $what`, async ({ replies, misbehaving, limits }) => {
  const good = replies.map(([name, body, headers]): [string, Answer] => [name, json(body, headers)]);
  const bad = misbehaving.map(([name, misbehave]): [string, Answer] => [name, misbehave]);
  const slots = good.length + bad.length;
  const all = Promise.withResolvers<void>();
  let arrived = 0;
  const together = Array.from({ length: slots }, (_, i): [string, Answer] => [
    `together ${i}`,
    async (response) => {
      if (++arrived === slots) all.resolve();
      await all.promise;
      json(`{"data":[{"b64_json":"${base64}"}]}`)(response);
    },
  ]);
  const upstream = await startUpstream(new Map([...good, ...bad, ...together]));
  const { stack, spool, draw } = await startStackAt(upstream.baseUrl, {
    ...limits,
    WORKER_CONCURRENCY: String(slots),
  });

  const drawn = await Promise.all(good.map(([name]) => draw(name)));
  const failed = await Promise.all(bad.map(([name]) => draw(name)));
  expect(failed).toEqual(misbehaving.map(([name, , { code }]) => ({ name, code, urls: [] })));
  const stored = await Promise.all(
    drawn.map(async ({ name, urls }) => ({ name, digests: await Promise.all(urls.map(sha256At)) })),
  );
  expect(stored).toEqual(good.map(([name]) => ({ name, digests: [hash("sha256", png)] })));
  // None is asked for again: each may have been charged.
  expect([...upstream.calls.values()].filter((count) => count !== 1)).toEqual([]);

  // As many calls at a time as the worker has slots, of which none is answered before all have come.
  const after = await Promise.all(together.map(([name]) => draw(name)));
  expect(after.filter(({ urls }) => urls.length !== 1)).toEqual([]);

  const left = await imagesOf(stack);
  expect(left.stored).toHaveLength(good.length + slots);
  expect(left).toMatchObject({ stored: left.named, halfWritten: [] });
  expect(await readdir(spool)).toEqual([]);
});

test("a worker that dies in mid-stream leaves nothing, and what the next one stores is what the records name", async () => {
  const entry = `{"b64_json":"${base64}"}`;
  const names = Array.from({ length: 4 }, (_, i) => `image ${i}`);
  const begun = names.map(() => Promise.withResolvers<void>());
  const seen = new Set<string>();
  const answers = names.map((name, i): [string, Answer] => [
    name,
    async (response) => {
      if (seen.has(name)) {
        json(`{"data":[${entry},${entry}]}`)(response);
        return;
      }
      seen.add(name);
      // One image is whole, and the other one begun. How much of it there is differs by the call.
      await write(response, `${beginning}${base64}"},{"b64_json":"${base64.slice(0, (i * base64.length) / 4)}`);
      begun[i]?.resolve();
    },
  ]);
  const upstream = await startUpstream(new Map(answers));
  const { stack, spool, draw } = await startStackAt(upstream.baseUrl);
  const drawn = Promise.all(names.map((name) => draw(name, 2)));
  await Promise.all(begun.map(({ promise }) => promise));

  await stack.workers[0]?.end("SIGKILL");
  expect(await readdir(spool)).toEqual([]);
  await stack.startWorker();
  expect((await drawn).map(({ urls }) => urls.length)).toEqual(names.map(() => 2));
  expect([...upstream.calls.values()]).toEqual(names.map(() => 2));

  const left = await imagesOf(stack);
  expect(left.statuses).toEqual(new Set(["succeeded"]));
  expect(left.stored).toHaveLength(2 * names.length);
  expect(left).toMatchObject({ stored: left.named, halfWritten: [] });
  expect(await readdir(spool)).toEqual([]);
});

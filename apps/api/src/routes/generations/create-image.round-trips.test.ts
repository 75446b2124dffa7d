import { EventEmitter, once } from "node:events";
import { monitorRedis, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { openLimitedKey } from "../../limited-key.fixture.ts";

/** What Redis is sent under a prefix, as it comes, without what scripts do within it. */
async function watchRedis(prefix: string) {
  const commands: string[][] = [];
  const news = new EventEmitter();
  const monitor = await monitorRedis(testRedisUrl(), ({ words, byScript }) => {
    if (byScript || !words.some((word) => word.startsWith(prefix))) return;
    commands.push(words);
    news.emit("command");
  });
  onTestFinished(monitor.close);
  return {
    commands,
    /** Resolves when Redis has been sent a command with all of these words. */
    until: async (...words: string[]) => {
      while (!commands.some((command) => words.every((word) => command.includes(word)))) await once(news, "command");
    },
  };
}

test("a request of a limited key with a budget is on its lane after one command to Redis", async () => {
  const api = await startApi();
  const key = await openLimitedKey(api, {
    limits: { requests_per_minute: 100, images_per_minute: 100, concurrent_generations: 100, queued_generations: 100 },
    budget: { day: 10_000_000, month: 20_000_000, total: 30_000_000 },
  });
  // The first brings the scripts to a Redis that has not seen them.
  const first = (await key.ask()).headers.get("x-generation-id") ?? "";
  const { commands, until } = await watchRedis(api.prefix);
  const headers = { "idempotency-key": "k", "x-stainless-retry-count": "0" };
  const answer = await key.ask({}, headers);
  expect(answer.status).toBe(202);
  const id = answer.headers.get("x-generation-id") ?? "";
  const submission = ["evalsha", api.keys.record(id)];
  await until(...submission);

  const sent = commands.findIndex((command) => submission.every((word) => command.includes(word)));
  // Each process follows the keys, and reports the requests of a key some times a second, however many those are.
  const periodic = [`${api.prefix}:keys`, `${api.prefix}:keys-changes`, `${api.prefix}:account-requests:`];
  const isBeside = (word: string) =>
    // Its caller leaves it a moment after its answer.
    word.includes(first) || periodic.some((name) => word === name || (name.endsWith(":") && word.startsWith(name)));
  expect(commands.slice(0, sent).filter((command) => !command.some(isBeside))).toEqual([]);
  expect(await api.queue.lanes.find("openai.interactive", id)).toBe("waiting");
  const line = `${api.keys.lane("openai.interactive")}prioritized`;
  expect(commands.filter((command) => command.includes(line) && command.includes("evalsha"))).toEqual([]);
});

import { isDeepStrictEqual } from "node:util";
import { newGenerationId } from "@darkroom/contracts";
import { connectSubscriber } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createPackRecord } from "../packing/pack-ended.ts";
import { bill, delivery, free, openQueue } from "../queue.fixture.ts";
import { type Asked, type CallersModel, createCallersModel } from "./callers-model.fixture.ts";
import type { Leaving } from "./generation-store.ts";
import type { Submission } from "./submission.ts";

const lane = "sandbox.interactive";
const failure = { code: "upstream_error", message: "It broke." } as const;

/** What is done. `which` picks one of what there is: a client, a generation, a process. */
const step = fc.record({
  action: fc.constantFrom(
    ...([
      "ask",
      "ask",
      "ask",
      "ask",
      "refused",
      "lost",
      "force new",
      "answer",
      "answer",
      "accept",
      "cut",
      "cut",
      "return",
      "later",
    ] as const),
    ...([
      "start",
      "start",
      "start",
      "succeed",
      "succeed",
      "fail",
      "fail free",
      "kill",
      "cancel",
      "retry",
      "pack",
      "pack",
    ] as const),
  ),
  which: fc.nat(1_000),
});
type Leave = "answer" | "accept" | "cut" | "return" | "later";
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A client that wants one image, and retries until it has the answer. */
type Client = {
  body: string;
  key: string | undefined;
  /** Where it waits, and as whom. */
  waits: { id: string; caller: string; instance: string } | null;
  /** Whether it has what it wanted: the image, or the id to come back for. */
  done: boolean;
  /** Whether the queue has ever taken a request of it in. */
  wasTaken: boolean;
};

/** Three who want the same, one who wants something else, and two processes of one client that names its request. */
const requests = [["cat"], ["cat"], ["cat"], ["dog"], ["cat", "order-17"], ["cat", "order-17"]] as const;

type Story = {
  clients: Client[];
  model: CallersModel;
  /** Api processes by their reply channel. */
  instances: string[];
  /** Whom the image of each generation without a key was given. */
  images: Map<string, Client>;
  /** How many generations without a key may be bought beyond one for each client: explicitly asked for, or canceled by their owner. */
  allowed: number;
  /** What must not happen and did. */
  faults: string[];
  suffix: string;
};

/** What goes on is answered with its id. What has ended may be, too, where it ended while its 202 was written. */
function howLeft(action: Leave, isLive: boolean): Leaving {
  if (action === "answer") return isLive ? "accepted" : "answered";
  if (action === "return") return "returned";
  return action === "accept" ? "accepted" : action;
}

test("one request is bought once, no image is given to two, and a refused request leaves nothing behind, in whatever order clients ask, are cut off, refused and answered", async () => {
  const queue = await openQueue();
  const { generations, attempts, redis, keys } = queue;
  const packRecord = createPackRecord(redis, keys);
  const subscriber = connectSubscriber(testRedisUrl(), () => {});
  onTestFinished(() => subscriber.disconnect());
  let names = 0;
  let stories = 0;

  async function startInstance(): Promise<string> {
    const channel = keys.replies(`api-${++names}`);
    await subscriber.subscribe(channel);
    // Long enough for the whole story.
    await redis.zadd(keys.instances, Date.now() + 10_000, channel);
    return channel;
  }

  const submissionOf = (asked: Asked, suffix: string): Submission =>
    queue.submission({
      id: asked.id,
      keyId: `key${suffix}`,
      request: { prompt: asked.body },
      caller: asked.caller,
      idempotencyKey: asked.key,
      forceNew: asked.forceNew,
      admission: free,
    });

  /** A client sends its request. Answers what came of it here and there. */
  async function ask(story: Story, client: Client, action: Step["action"], which: number) {
    const { model, instances, suffix } = story;
    const instance = instances[which % instances.length] ?? "";
    const caller = `${instance}/${++names}`;
    const forceNew = action === "force new" && client.key === undefined;
    const asked = { id: newGenerationId(Date.now()), body: client.body, key: client.key, caller, forceNew };
    const submission = submissionOf(asked, suffix);
    if (action === "refused") {
      const found = await generations.attach(submission);
      const there = model.attach(asked);
      if ((await redis.exists(keys.record(asked.id))) === 1) story.faults.push("A refused request left a record");
      if (found !== null) Object.assign(client, { waits: { id: found.id, caller, instance }, wasTaken: true });
      return [found ?? { kind: "none" }, there];
    }
    const here = await generations.submit(submission);
    // Its answer was lost, and it is sent once more.
    if (action === "lost" && !isDeepStrictEqual(await generations.submit(submission), here)) {
      story.faults.push("A submission that was sent again was answered otherwise");
    }
    if (forceNew) story.allowed++;
    client.wasTaken = true;
    client.waits = { id: "id" in here ? here.id : asked.id, caller, instance };
    return ["id" in here ? here : { kind: here.kind }, model.submit(asked)];
  }

  /** A client that waits is answered, told the id, cut off, told to ask again, or put off. */
  async function leave({ model, images, faults }: Story, client: Client, action: Leave) {
    const { waits } = client;
    if (waits === null) return [];
    const { id, caller } = waits;
    const { status } = model.of(id);
    const isLive = status === "queued" || status === "running";
    const how = howLeft(action, isLive);
    // Who waits for what has ended is answered with it, and no caller is told that it goes on.
    if (how === "later" && !isLive) return [];
    const isAnswered = how === "answered" || how === "accepted";
    if (isAnswered && status === "succeeded" && client.key === undefined) {
      if (images.has(id)) faults.push(`The image of ${id} was given to two`);
      images.set(id, client);
    }
    if (isAnswered) client.done = how === "accepted" || status === "succeeded";
    client.waits = null;
    // A caller that was told the id is kept by the api before (`keep`).
    if (how === "accepted" && isLive) {
      await generations.keep(id);
      model.of(id).kept = true;
    }
    return [await generations.leave(id, lane, caller, how), model.leave(id, caller, how)];
  }

  /** What workers and owners do to a generation. */
  async function draw(story: Story, action: Step["action"], which: number) {
    const { model } = story;
    const one = model.pick(which);
    if (one === undefined) return;
    const { id, status } = one;
    const attempt = Number(await redis.hget(keys.record(id), "attempts"));
    const isLive = status === "queued" || status === "running";
    if (action === "start" && status === "queued") {
      await attempts.start(id, lane);
      model.start(id);
    } else if (action === "succeed" && status === "running") {
      await attempts.succeed(id, lane, attempt, delivery, bill);
      model.end(id, "succeeded", true);
    } else if ((action === "fail" || action === "fail free") && status === "running") {
      await attempts.fail(id, lane, attempt, failure, action === "fail free");
      model.end(id, "failed", action === "fail");
    } else if (action === "cancel" && isLive) {
      await generations.cancel(id, lane);
      if (one.begun && one.key === undefined) story.allowed++;
      model.cancel(id);
    } else if (action === "pack") {
      // No rule knows of it: nothing that a caller sees changes.
      await packRecord(id);
    } else if (action === "retry" && (status === "failed" || status === "canceled")) {
      // Callers of what has ended are answered in milliseconds; an owner who has read how it ended is later.
      if (story.clients.some(({ waits }) => waits?.id === id)) return;
      await generations.retry(id, lane, "acme", free);
      if (one.key === undefined) story.allowed++;
      model.retry(id);
    }
  }

  async function kill(story: Story, which: number) {
    const [dying = ""] = story.instances.splice(which % story.instances.length, 1);
    await subscriber.unsubscribe(dying);
    const cut = story.clients.filter(({ waits }) => waits?.instance === dying);
    story.model.kill(new Set(cut.map(({ waits }) => waits?.caller ?? "")));
    for (const client of cut) client.waits = null;
    story.instances.push(await startInstance());
  }

  async function take(story: Story, { action, which }: Step) {
    const client = story.clients[which % story.clients.length];
    switch (action) {
      case "ask":
      case "refused":
      case "lost":
      case "force new":
        return client === undefined || client.waits !== null || client.done ? [] : ask(story, client, action, which);
      case "answer":
      case "accept":
      case "cut":
      case "return":
      case "later":
        return client === undefined ? [] : leave(story, client, action);
      case "kill":
        await kill(story, which);
        return [];
      default:
        await draw(story, action, which);
        return [];
    }
  }

  async function check({ clients, model, allowed, faults }: Story) {
    expect(faults).toEqual([]);
    const places = clients.flatMap(({ waits, key }) => (waits === null || key !== undefined ? [] : [waits.id]));
    const unfailed = places.filter((id) => model.of(id).status !== "failed");
    expect(new Set(unfailed).size, "two who wait for one generation").toBe(unfailed.length);
    for (const { waits } of clients) {
      if (waits === null) continue;
      const [status, abandoned] = await redis.hmget(keys.record(waits.id), "status", "abandoned");
      expect(status, "of what is waited for").toBe(model.of(waits.id).status);
      expect(abandoned, "canceled under a caller who waits").toBeNull();
    }
    for (const body of ["cat", "dog"]) {
      const bought = model.bought(body).length;
      const wanted = clients.filter((one) => one.body === body && one.key === undefined && one.wasTaken).length;
      expect(bought, `generations of a ${body} that were bought`).toBeLessThanOrEqual(wanted + allowed);
    }
  }

  async function play(steps: Step[]) {
    await redis.del(keys.instances);
    const story: Story = {
      clients: requests.map(([body, key]) => ({ body, key, waits: null, done: false, wasTaken: false })),
      model: createCallersModel(),
      instances: [await startInstance(), await startInstance()],
      images: new Map(),
      allowed: 0,
      faults: [],
      suffix: `_${++stories}`,
    };
    for (const one of steps) {
      const [here, there] = await take(story, one);
      expect({ action: one.action, answer: here }).toEqual({ action: one.action, answer: there });
      await check(story);
    }
  }

  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), play), {
    numRuns: 200,
    endOnFailure: true,
  });
});

import { buffer } from "node:stream/consumers";
import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import { Queue, QueueEvents } from "bullmq";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { readConfig } from "./config.ts";

/**
 * The usual pattern, as BullMQ's documentation shows it: add a job, and wait for it with `waitUntilFinished` on the events of the
 * whole queue. One `QueueEvents` serves the process, and no listener limit is in the way.
 */
const { REDIS_URL, PORT, storage } = readConfig();

/** Longer than any scenario: a wait that runs out here would be counted as a failure. */
const waitMs = 120_000;

const queue = new Queue("images", {
  connection: new Redis(REDIS_URL, { maxRetriesPerRequest: 1 }),
  // Enough finished jobs are kept for a wait that begins late to find its own, and no more.
  defaultJobOptions: { removeOnComplete: { count: 1_000 }, removeOnFail: { count: 1_000 } },
});
const queueEvents = new QueueEvents("images", { connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }) });
queue.setMaxListeners(0);
queueEvents.setMaxListeners(0);
await Promise.all([queue.waitUntilReady(), queueEvents.waitUntilReady()]);

const store = storage === null ? null : createObjectStore(storage);

type Answer = { created: number; data: { key: string; url: string }[] };

/** The answer with base64, each image read whole from where the worker has stored it. */
async function inBase64({ created, data }: Answer, objects: ObjectStore) {
  const images = data.map(async ({ key }) => ({
    b64_json: (await buffer((await objects.get(key)).body)).toString("base64"),
  }));
  return { created, data: await Promise.all(images) };
}

const app = Fastify();
app.get("/healthz", async () => ({ status: "ok" }));
app.post<{ Body: { response_format?: string } }>("/v1/images/generations", async (request, reply) => {
  const job = await queue.add("generate", request.body);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the worker of this pattern returns
  const answer = (await job.waitUntilFinished(queueEvents, waitMs)) as Answer;
  return reply.send(
    request.body.response_format === "b64_json" && store !== null ? await inBase64(answer, store) : answer,
  );
});
await app.listen({ host: "127.0.0.1", port: PORT });

// `process.exit` and not a plain end, so that a CPU profile is written.
process.once("SIGTERM", () => process.exit(0));

import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import { fakeImage } from "@darkroom/testing";
import { Worker } from "bullmq";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { readConfig } from "./config.ts";

/** The worker of the usual pattern. Its processor has the picture at once, and stores it where it is told to. */
const { REDIS_URL, PORT, CONCURRENCY, storage } = readConfig();

const picture = await fakeImage(256, 256, "png");
const store = storage === null ? null : createObjectStore(storage);
await store?.check();

async function storeAndLink(id: string, objects: ObjectStore): Promise<string> {
  const key = `acme/${id}/0.png`;
  await objects.put(key, picture, { contentType: "image/png" });
  return objects.link(key, { expiresInSeconds: 86_400 });
}

const worker = new Worker(
  "images",
  async ({ id = "" }) => {
    const url = store === null ? `http://127.0.0.1/${id}.png` : await storeAndLink(id, store);
    return { created: Math.floor(Date.now() / 1_000), data: [{ b64_json: null, url, size: "256x256" }] };
  },
  { connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }), concurrency: CONCURRENCY },
);
await worker.waitUntilReady();

const health = Fastify();
health.get("/healthz", async () => ({ status: "ok" }));
await health.listen({ host: "127.0.0.1", port: PORT });

// `process.exit` and not a plain end, so that a CPU profile is written.
process.once("SIGTERM", () => process.exit(0));

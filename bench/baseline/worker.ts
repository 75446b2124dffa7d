import { createObjectStore, type ObjectStore } from "@darkroom/storage";
import { fakeImage } from "@darkroom/testing";
import { Worker } from "bullmq";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { readConfig } from "./config.ts";

/** The worker of the usual pattern. Its processor has the picture at once, or asks an upstream for some, and stores them where it is told to. */
const { REDIS_URL, PORT, CONCURRENCY, UPSTREAM_URL, storage } = readConfig();

const picture = await fakeImage(256, 256, "png");
const store = storage === null ? null : createObjectStore(storage);
await store?.check();

async function storeAndLink(key: string, bytes: Buffer, objects: ObjectStore): Promise<string> {
  await objects.put(key, bytes, { contentType: "image/png" });
  return objects.link(key, { expiresInSeconds: 86_400 });
}

type UpstreamReply = { data: { b64_json?: string; url?: string }[] };

/** What one writes first: the whole reply, and each image of it, in memory. */
async function draw(upstream: string, request: unknown): Promise<Buffer[]> {
  const answer = await fetch(upstream, { method: "POST", body: JSON.stringify(request) });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bench's own upstream
  const { data } = (await answer.json()) as UpstreamReply;
  return Promise.all(
    data.map(async ({ b64_json: base64, url = "" }) =>
      base64 === undefined ? Buffer.from(await (await fetch(url)).arrayBuffer()) : Buffer.from(base64, "base64"),
    ),
  );
}

const worker = new Worker(
  "images",
  async ({ id = "", data: request }) => {
    const pictures = UPSTREAM_URL === undefined ? [picture] : await draw(UPSTREAM_URL, request);
    const data = await Promise.all(
      pictures.map(async (bytes, index) => ({
        b64_json: null,
        key: `acme/${id}/${index}.png`,
        url:
          store === null ? `http://127.0.0.1/${id}.png` : await storeAndLink(`acme/${id}/${index}.png`, bytes, store),
        size: "256x256",
      })),
    );
    return { created: Math.floor(Date.now() / 1_000), data };
  },
  { connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }), concurrency: CONCURRENCY },
);
await worker.waitUntilReady();

const health = Fastify();
health.get("/healthz", async () => ({ status: "ok" }));
await health.listen({ host: "127.0.0.1", port: PORT });

// `process.exit` and not a plain end, so that a CPU profile is written.
process.once("SIGTERM", () => process.exit(0));

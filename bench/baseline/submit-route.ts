import { imageRequestSchema, newGenerationId } from "@darkroom/contracts";
import { connectProducer, untilConnected } from "@darkroom/redis";
import Fastify from "fastify";
import { openSubmitter } from "../src/open-submitter.ts";
import { readConfig } from "./config.ts";

/** What the queue alone adds to the bare route: its record and its job, without the api's own work. */
const { REDIS_URL, PORT } = readConfig();
const redis = connectProducer(REDIS_URL, console.error);
await untilConnected(redis, 10_000);
const submit = openSubmitter(redis);

const app = Fastify();
app.get("/healthz", async () => ({ status: "ok" }));
app.post("/v1/images/generations", async (request, reply) => {
  const id = newGenerationId(Date.now());
  await submit(id, "acme", imageRequestSchema.parse(request.body));
  return reply.code(202).send({ id, status: "queued" });
});
await app.listen({ host: "127.0.0.1", port: PORT });

process.once("SIGTERM", () => process.exit(0));

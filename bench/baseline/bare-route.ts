import Fastify from "fastify";
import { Redis } from "ioredis";
import { readConfig } from "./config.ts";

/** The least that an accepted request can cost: one route, one write to Redis, one answer. */
const { REDIS_URL, PORT } = readConfig();
const redis = new Redis(REDIS_URL);

const app = Fastify();
app.get("/healthz", async () => ({ status: "ok" }));
app.post("/v1/images/generations", async (request, reply) => {
  await redis.hset(`bare:${request.id}`, "status", "queued", "request", JSON.stringify(request.body));
  return reply.code(202).send({ id: request.id, status: "queued" });
});
await app.listen({ host: "127.0.0.1", port: PORT });

process.once("SIGTERM", () => process.exit(0));

import type { Keyring } from "@darkroom/accounts";
import type { Generation } from "@darkroom/contracts";
import type { FastifyReply } from "fastify";
import { pollAfterSeconds } from "./poll-after.ts";

/**
 * The headers that go with a generation as it stands: no cache may keep it, and when it is worth asking again. `nowMs` is by the clock of
 * Redis, which the estimated start is told by, too.
 */
export function generationHeaders(generation: Generation, nowMs: number): Record<string, string> {
  const pollAfter = pollAfterSeconds(generation, nowMs);
  return {
    "cache-control": "no-store",
    "x-generation-id": generation.id,
    ...(generation.cost !== null && { "x-generation-cost": String(generation.cost) }),
    ...(pollAfter !== null && { "retry-after": String(pollAfter) }),
  };
}

/** Answers with a generation as it stands. */
export const sendGeneration = (reply: FastifyReply, generation: Generation, nowMs: number): FastifyReply =>
  reply.headers(generationHeaders(generation, nowMs)).send(generation);

export type SendAcceptedOptions = { publicBaseUrl: string | undefined; keyring: Pick<Keyring, "nowMs"> };

/**
 * Returns the function that answers that a generation was accepted, and where it is to be read. `publicBaseUrl`: where callers reach
 * this service; behind a proxy it may have a path, which our routes do not know.
 */
export function createSendAccepted({ publicBaseUrl, keyring }: SendAcceptedOptions) {
  const base = publicBaseUrl === undefined ? "" : new URL(publicBaseUrl).pathname.replace(/\/+$/, "");
  return (reply: FastifyReply, generation: Generation): FastifyReply =>
    sendGeneration(
      reply.code(202).header("location", `${base}/v1/generations/${generation.id}`),
      generation,
      keyring.nowMs(),
    );
}

export type SendAccepted = ReturnType<typeof createSendAccepted>;

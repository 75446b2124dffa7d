// For processes that show deployments and call none: it loads no adapter.
import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";

const script = defineScript(
  new URL("scripts/deployment-figures.lua", import.meta.url),
  z.tuple([z.int(), z.int(), z.int(), z.int(), z.enum(["limit", "failures", ""]), z.int(), z.int(), z.int()]),
);

/** How a deployment stands, for all workers together. */
export type DeploymentFigures = {
  underWay: number;
  requestsOfMinute: number;
  imagesOfMinute: number;
  /** For how long it is closed still, in milliseconds; 0 for one that is open. */
  closedMs: number;
  /** Why it was closed, while it is closed or tried again. */
  closedFor: "limit" | "failures" | null;
  failuresInRow: number;
  /** How many calls it may have at a time while it is tried again; null at full pace. */
  pace: number | null;
  /** How long its calls take in the mean; null before any has ended. */
  serviceMs: number | null;
};

/** Reads the figures of a deployment: one script. */
export async function readDeploymentFigures(
  { redis, keys }: { redis: Redis; keys: Pick<Keys, "deployment" | "deploymentCalls" | "deploymentAsked"> },
  name: string,
): Promise<DeploymentFigures> {
  const names = [keys.deployment(name), keys.deploymentCalls(name), keys.deploymentAsked(name)];
  const [underWay, requests, images, closedMs, reason, failuresInRow, pace, serviceMs] = await script(redis, names, []);
  return {
    underWay,
    requestsOfMinute: requests,
    imagesOfMinute: images,
    closedMs,
    closedFor: reason === "" ? null : reason,
    failuresInRow,
    pace: pace === 0 ? null : pace,
    serviceMs: serviceMs === 0 ? null : serviceMs,
  };
}

/** What a worker tells of its deployments file with each heartbeat. It has no secret. */
export const deploymentFactsSchema = z.object({
  /** What is wrong with the file as it is now. */
  mistakes: z.array(z.string()),
  deployments: z.array(
    z.object({
      name: z.string(),
      model: z.string(),
      provider: z.string(),
      /** Without a query, which may hold a key; null for the provider's own address. */
      address: z.string().nullable(),
      upstreamModel: z.string().nullable(),
      priority: z.int(),
      weight: z.int(),
      requestsPerMinute: z.int().nullable(),
      imagesPerMinute: z.int().nullable(),
      concurrency: z.int().nullable(),
    }),
  ),
});
export type DeploymentFacts = z.infer<typeof deploymentFactsSchema>;

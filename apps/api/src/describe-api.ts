import { hostname } from "node:os";
import type { ProcessFacts } from "@darkroom/redis";
import manifest from "../package.json" with { type: "json" };
import type { Drain } from "./drain.ts";
import type { HeldRequests } from "./limits/held-requests.ts";

export type DescribeApiOptions = { drain: Pick<Drain, "leaving">; heldRequests: Pick<HeldRequests, "count"> };

/** Returns the function that tells the operator what this api does now. */
export const createDescribeApi =
  ({ drain, heldRequests }: DescribeApiOptions) =>
  (): ProcessFacts => ({
    kind: "api",
    host: hostname(),
    pid: process.pid,
    version: manifest.version,
    state: drain.leaving ? "draining" : "running",
    active: heldRequests.count(),
    lanes: [],
  });

import { setTimeout as pause } from "node:timers/promises";
import { createBatchClient } from "../batch/batch-client.ts";
import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";

const lines = 1_000;
const connections = 2;

/** A line with sixty wrong pairs of metadata: fifty mistakes are told of each. */
const wrongLine = (index: number): string => {
  const metadata = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}`.padEnd(64, "k"), i]));
  const body = { model: "gpt-image-2", prompt: "A lighthouse", job: { metadata } };
  return JSON.stringify({ custom_id: `line-${index}`, method: "POST", url: "/v1/images/generations", body });
};

export const failedBatchReaders: Neighbour = {
  name: "failed-batch-readers",
  title: `${connections} connections repeat GET /v1/batches/{id} of a batch that failed with ${lines * 50} mistakes`,
  async start(stack) {
    const client = createBatchClient(stack.neighbour);
    const input = Array.from({ length: lines }, (_, index) => wrongLine(index)).join("\n");
    const { id } = await client.create(await client.upload(input));
    while ((await client.read(id)).status !== "failed") await pause(100);
    const path = `/v1/batches/${id}`;
    const read = { ...stack.neighbour, name: "reads", method: "GET", path, body: null } as const;
    return repeatRequests(stack, [read], connections);
  },
};

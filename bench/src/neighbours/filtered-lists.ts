import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";
import { submitGenerations } from "./submit-generations.ts";

const generations = { usual: 2_000, quick: 200 };
const connections = 16;
/** 30 KB. */
const prompt = "灯".repeat(10_000);

export const filteredLists: Neighbour = {
  name: "filtered-lists",
  title: `${connections} connections repeat GET /v1/generations?limit=1&status=failed over ${generations.usual} generations of 30 KB, of which none failed`,
  async prepare(stack) {
    const request = { model: "gpt-image-2", size: "1024x1024", quality: "low", prompt };
    await submitGenerations(stack, stack.quick ? generations.quick : generations.usual, () => request);
  },
  async start(stack) {
    const path = "/v1/generations?limit=1&status=failed";
    const list = { ...stack.neighbour, name: "lists", method: "GET", path, body: null } as const;
    return repeatRequests(stack, [list], connections);
  },
};

import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";
import { submitGenerations } from "./submit-generations.ts";

/** The longest prompt there is: 32,000 characters, three bytes each. */
const prompt = "灯".repeat(32_000);
/** As many pairs of metadata as may be, of the longest values: 24 KB. */
const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`key${i}`, "灯".repeat(512)]));

const generations = 100;
const connections = 50;

export const longLists: Neighbour = {
  name: "long-lists",
  title: `${connections} connections repeat GET /v1/generations?limit=100 over ${generations} generations of 120 KB`,
  async prepare(stack) {
    const request = { model: "gpt-image-2", size: "1024x1024", quality: "low", prompt, job: { metadata } };
    await submitGenerations(stack, generations, () => request);
  },
  async start(stack) {
    const path = "/v1/generations?limit=100";
    const list = { ...stack.neighbour, name: "lists", method: "GET", path, body: null } as const;
    return repeatRequests(stack, [list], connections);
  },
};

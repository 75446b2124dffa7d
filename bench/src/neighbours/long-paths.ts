import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";

const connections = 16;
const characters = 15_000;

export const longPaths: Neighbour = {
  name: "long-paths",
  title: `${connections} connections without a key repeat GET of a path of ${characters} characters`,
  async start(stack) {
    const path = `/${"a".repeat(characters)}`;
    const request = { ...stack.neighbour, name: "paths", method: "GET", path, body: null, headers: {} } as const;
    return repeatRequests(stack, [request], connections);
  },
};

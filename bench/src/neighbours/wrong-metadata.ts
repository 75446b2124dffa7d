import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";

/** As many pairs as a body of 1 MiB has. */
const pairs = 121_000;

export const wrongMetadata: Neighbour = {
  name: "wrong-metadata",
  title: `one connection repeats a request for an image with ${pairs} wrong pairs of metadata (1 MB)`,
  async start(stack) {
    const metadata = Object.fromEntries(Array.from({ length: pairs }, (_, i) => [i, 1]));
    const body = JSON.stringify({ prompt: "x", job: { metadata } });
    return repeatRequests(stack, [{ ...stack.neighbour, name: "metadata", body }], 1);
  },
};

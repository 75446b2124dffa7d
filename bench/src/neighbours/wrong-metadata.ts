import type { Neighbour } from "./neighbour.ts";
import { repeatRequests } from "./repeat-requests.ts";

/** Almost as many pairs as a body of 1 MiB has. */
const pairs = 121_000;

export const wrongMetadata: Neighbour = {
  name: "wrong-metadata",
  title: `one connection repeats a request for an image with ${pairs} wrong pairs of metadata (1 MB)`,
  async start(stack) {
    // In base 36 the names are short enough for so many pairs: a larger body is refused before it is parsed.
    const metadata = Object.fromEntries(Array.from({ length: pairs }, (_, i) => [i.toString(36), 1]));
    const body = JSON.stringify({ prompt: "x", job: { metadata } });
    return repeatRequests(stack, [{ ...stack.neighbour, name: "metadata", body }], 1);
  },
};

/** Beyond what the route takes. */
const tooLarge = 1_200_000;

export const tooLargeBodies: Neighbour = {
  name: "too-large-bodies",
  title: `one connection repeats a request for an image with a body of ${tooLarge} bytes, which is too large`,
  async start(stack) {
    const body = JSON.stringify({ prompt: "x".repeat(tooLarge) });
    return repeatRequests(stack, [{ ...stack.neighbour, name: "bodies", body }], 1);
  },
};

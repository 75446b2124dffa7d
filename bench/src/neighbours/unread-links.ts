import type { Neighbour, NeighbourStack } from "./neighbour.ts";
import { holdUnread } from "./raw-connections.ts";

const pipelined = { usual: { connections: 20, requests: 1_000 }, quick: { connections: 2, requests: 100 } };
const readers = { usual: 1_000, quick: 50 };

export const pipelinedLink: Neighbour = {
  name: "pipelined-link",
  title: `${pipelined.usual.connections} connections without a key send the link of one image ${pipelined.usual.requests} times each, and read nothing`,
  async start(stack) {
    const { connections, requests } = stack.quick ? pipelined.quick : pipelined.usual;
    return holdUnread(stack, (await linkRequest(stack)).repeat(requests), connections);
  },
};

export const unreadLinks: Neighbour = {
  name: "unread-links",
  title: `${readers.usual} connections without a key send the link of one image, and read nothing`,
  async start(stack) {
    return holdUnread(stack, await linkRequest(stack), stack.quick ? readers.quick : readers.usual);
  },
};

/** A request for an image of the neighbour's, by its signed link. */
async function linkRequest({ neighbour }: Pick<NeighbourStack, "neighbour">): Promise<string> {
  const answer = await fetch(`${neighbour.origin}/v1/images/generations`, {
    method: "POST",
    headers: neighbour.headers,
    body: JSON.stringify({ model: "gpt-image-2", prompt: "A lighthouse", size: "1024x1024", response_format: "url" }),
  });
  if (answer.status !== 200) throw new Error(`The image was answered with ${answer.status}`);
  const { pathname, search } = new URL(JSON.parse(await answer.text()).data[0].url);
  return `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

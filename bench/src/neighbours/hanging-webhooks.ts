import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { listeningPort } from "@darkroom/testing";
import type { Neighbour } from "./neighbour.ts";
import { submitGenerations } from "./submit-generations.ts";

const generations = { usual: 2_000, quick: 100 };
/** Addresses of the loopback network, each a receiver of its own to the service. Linux answers on all of them. */
const receivers = 20;

export const hangingWebhooks: Neighbour = {
  name: "hanging-webhooks",
  title: `the webhooks of ${generations.usual} generations go to ${receivers} receivers that take the connection and never answer`,
  async start(stack) {
    const held = new Set<Socket>();
    const server = createServer((socket) => {
      held.add(socket.on("error", () => undefined).on("close", () => held.delete(socket)));
    });
    const port = await listeningPort(server.listen(0, "0.0.0.0"));
    const count = stack.quick ? generations.quick : generations.usual;
    await submitGenerations(stack, count, (i) => ({
      model: "gpt-image-2",
      prompt: "a cat",
      size: "1024x1024",
      quality: "low",
      job: { webhook: `http://127.0.1.${(i % receivers) + 1}:${port}/hook` },
    }));
    if (held.size === 0) await once(server, "connection");
    stack.tell(`${held.size} webhooks hang`);
    return async () => {
      stack.tell(`${held.size} webhooks hang`);
      for (const socket of held) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
  },
};

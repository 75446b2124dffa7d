import { createServer } from "node:http";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { listeningPort } from "@darkroom/testing";
import { openDarkroom } from "../systems/systems.ts";
import type { NeighbourStack } from "./neighbour.ts";

export type OpenNeighbourStackOptions = Pick<NeighbourStack, "quick" | "tell"> & { profileTo: string | undefined };

/** What of a stack only the measurement uses. */
export type OpenNeighbourStack = NeighbourStack &
  AsyncDisposable & {
    /** Resolves when the webhook of a generation comes; at once where it has come before. */
    webhookCame(generationId: string): Promise<void>;
  };

/** Starts one api, one worker and Redis for two tenants, and a receiver of webhooks. */
export async function openNeighbourStack(options: OpenNeighbourStackOptions): Promise<OpenNeighbourStack> {
  const { quick, tell, profileTo } = options;
  await using opened = new AsyncDisposableStack();
  const receiver = await startReceiver();
  opened.defer(() => receiver.close());
  const key = newApiKey();
  const neighbourKey = newApiKey();
  const system = await openDarkroom(
    // The worker has 20 jobs at a time, as by default. Images are files, because lists and webhooks have links to them.
    { apis: 1, workers: 1, store: "tmpfs", profileTo },
    {
      headers: authorize(key),
      environment: {
        API_KEYS: `b:bench:${hashApiKey(key)},a:bench:${hashApiKey(neighbourKey)}`,
        WORKER_CONCURRENCY: "20",
        MAX_HELD_REQUESTS: "4000",
        // The default for so many.
        MAX_HELD_REQUESTS_PER_KEY: "2000",
        // One neighbour needs a generation that takes long.
        SANDBOX_DIRECTIVES: "true",
        WEBHOOK_SIGNING_SECRET: "a secret for measurements, long enough to be one",
        WEBHOOK_ALLOW_PRIVATE: "true",
        WEBHOOK_ALLOW_INSECURE: "true",
      },
    },
  );
  opened.defer(() => system.close());
  const [measured] = system.targets;
  if (measured === undefined) throw new Error("There is no api to ask");
  const neighbour = { ...measured, name: "neighbour", headers: { ...measured.headers, ...authorize(neighbourKey) } };
  const stack = opened.move();
  return {
    system,
    measured,
    neighbour,
    webhookUrl: receiver.url,
    quick,
    tell,
    webhookCame: receiver.came,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const authorize = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });

/** A receiver that answers at once. A webhook may come before the submission of its generation is answered. */
async function startReceiver() {
  const arrivals = new Map<string, PromiseWithResolvers<void>>();
  const arrivalOf = (id: string) => {
    const arrival = arrivals.get(id) ?? Promise.withResolvers<void>();
    arrivals.set(id, arrival);
    return arrival;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      response.end();
      const [id = ""] = /gen_[0-9a-z]{26}/.exec(body) ?? [];
      arrivalOf(id).resolve();
    });
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  return {
    url: `http://127.0.0.1:${port}/`,
    came: (generationId: string) => arrivalOf(generationId).promise,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

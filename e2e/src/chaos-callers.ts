import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { generationSchema, isEnding } from "@darkroom/contracts";

/** What a caller was told in the end: the record of a history that is checked afterwards. */
export type Told =
  | { kind: "sync"; id: string; status: number; body: unknown }
  | { kind: "async"; id: string; status: string }
  | { kind: "stream"; id: string; images: number; error: string | null };

export type ChaosCallerOptions = {
  /** The api that is to be asked next; some of them are dead. */
  origin: () => string;
  apiKey: string;
  body: object;
  /** How requests are sent; `fetch` when left out. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

/** Between tries at an api that is away. */
const retryMs = 250;

/**
 * Each caller asks for one image with one idempotency key and, as a careful client does, asks again with the same key whenever the
 * connection breaks or it is told that a retry makes sense, until it has a final answer.
 */
export const chaosCallers = {
  async sync(options: ChaosCallerOptions): Promise<Told> {
    return insist(options, {}, {}, async (answer) => {
      const body: unknown = await answer.json();
      if (!answer.ok && answer.headers.get("x-should-retry") === "true") return null;
      return { kind: "sync", id: idOf(answer), status: answer.status, body };
    });
  },

  async async(options: ChaosCallerOptions): Promise<Told> {
    const id = await insist(options, {}, { prefer: "respond-async" }, async (answer) => {
      await answer.arrayBuffer();
      return answer.status === 202 || answer.status === 200 ? idOf(answer) : null;
    });
    for (;;) {
      try {
        const headers = { authorization: `Bearer ${options.apiKey}`, prefer: "wait=5" };
        const { fetch: send = fetch } = options;
        const answer = await send(`${options.origin()}/v1/generations/${id}`, { headers });
        const { status } = generationSchema.parse(await answer.json());
        if (isEnding(status)) return { kind: "async", id, status };
      } catch {
        await pause(retryMs);
      }
    }
  },

  async stream(options: ChaosCallerOptions): Promise<Told> {
    return insist(options, { stream: true }, {}, async (answer) => {
      const text = await answer.text();
      if (!answer.ok) return null;
      const images = text.match(/^event: image_generation\.completed$/gm)?.length ?? 0;
      const error = /^event: error\ndata: (.*)$/m.exec(text)?.[1] ?? null;
      // An error that a shutdown caused says that it may be asked again; a cut stream has neither image nor error.
      if (images === 0 && (error === null || error.includes("shutting down"))) return null;
      return { kind: "stream", id: idOf(answer), images, error };
    });
  },
};

const idOf = (answer: Response) => answer.headers.get("x-generation-id") ?? "none";

async function insist<T>(
  { origin, apiKey, body, fetch: send = fetch }: ChaosCallerOptions,
  more: object,
  headers: Record<string, string>,
  read: (answer: Response) => Promise<T | null>,
): Promise<T> {
  const key = randomUUID();
  for (;;) {
    try {
      const answer = await send(`${origin()}/v1/images/generations`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${apiKey}`,
          "content-type": "application/json",
          "idempotency-key": key,
          ...headers,
        },
        body: JSON.stringify({ ...body, ...more }),
      });
      const told = await read(answer);
      if (told !== null) return told;
    } catch {
      // The api died, or has not come back yet.
    }
    await pause(retryMs);
  }
}

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What a fake upstream does with an answer that it streams. Without any of it, every event comes at once and the stream ends. */
export type StreamBehaviour = {
  /** Waits before each event. */
  pauseMs?: number;
  /** Writes the stream in chunks of so many bytes, whatever they cut through. */
  chunkBytes?: number;
  /** Stops after so many events, in the way of `stop`. */
  stopAfter?: number;
  /** `end` ends the stream as if all were well, `cut` resets the connection, `silence` says no more; or one more event to end with. */
  stop?: "end" | "cut" | "silence" | { event: string; data: object };
};

/** Answers with server-sent events, each named by its `type`. */
export async function sendEvents(
  response: ServerResponse,
  events: readonly { type: string }[],
  { pauseMs = 0, chunkBytes, stopAfter = events.length, stop = "end" }: StreamBehaviour,
): Promise<void> {
  const write = async (text: string) => {
    const bytes = Buffer.from(text);
    const size = chunkBytes ?? bytes.length;
    for (let from = 0; from < bytes.length && !response.destroyed; from += size) {
      if (!response.write(bytes.subarray(from, from + size)))
        await Promise.race([once(response, "drain"), gone(response)]);
      // Each chunk in a packet of its own, as far as that can be had.
      if (chunkBytes !== undefined) await sleep(0);
    }
  };
  response.flushHeaders();
  for (const event of events.slice(0, stopAfter)) {
    if (pauseMs > 0) await sleep(pauseMs);
    await write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  if (stop === "silence") return;
  if (stop === "cut") {
    // A reset overtakes what its receiver has not read yet.
    await sleep(50);
    return void response.socket?.resetAndDestroy();
  }
  if (stop !== "end") await write(`event: ${stop.event}\ndata: ${JSON.stringify(stop.data)}\n\n`);
  response.end();
}

const gone = (response: ServerResponse): Promise<unknown> => once(response, "close");

import type { Redis } from "ioredis";
import { createBackoff } from "@darkroom/runtime";

/** The pause after the first refusal, in milliseconds. */
const firstMs = 500;

/**
 * Subscribes a connection again after each reconnect, to all that it has subscribed to, and goes on trying while Redis refuses. ioredis'
 * own `autoResubscribe` does not look at the answer: a refusal (the user has lost the right to a channel, for which Redis hangs up on it)
 * is an error that nothing handles, which ends the process, and is never tried again.
 */
export function keepSubscribed(redis: Redis, onError: (error: Error) => void): void {
  const subscribe = redis.subscribe.bind(redis);
  const channels = new Set<string>();
  const backoff = createBackoff({ firstMs });
  let timer: NodeJS.Timeout | undefined;

  function again(): void {
    clearTimeout(timer);
    if (channels.size === 0 || redis.status !== "ready") return;
    subscribe(...channels).then(
      () => backoff.reset(),
      (error: Error) => {
        onError(error);
        timer = setTimeout(again, backoff.next());
      },
    );
  }

  redis.on("ready", again).on("end", () => clearTimeout(timer));
  // Only what is subscribed to by names: this code passes no buffers or callbacks.
  Reflect.set(redis, "subscribe", async (...names: string[]): Promise<unknown> => {
    const count = await subscribe(...names);
    for (const name of names) channels.add(name);
    return count;
  });
}

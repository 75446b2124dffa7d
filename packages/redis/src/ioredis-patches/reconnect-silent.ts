import type { Redis } from "ioredis";

export type ReconnectSilentOptions = {
  /** How often a ping is sent, in milliseconds. */
  everyMs?: number;
  /** How long Redis may take to answer it, in milliseconds. A command that blocks Redis for longer is a fault. */
  withinMs?: number;
};

/**
 * Connects again when Redis does not answer a ping. A network may drop a connection without a word (a NAT, a firewall, a host that lost its
 * power), and a subscriber, which sends nothing, would wait for messages for ever. Redis answers a ping after all messages that it has
 * sent before, so a connection that answers has missed none.
 */
export function reconnectSilent(
  redis: Redis,
  { everyMs = 5_000, withinMs = 5_000 }: ReconnectSilentOptions = {},
): void {
  let timer: NodeJS.Timeout | undefined;

  function askLater(): void {
    clearTimeout(timer);
    timer = setTimeout(ask, everyMs);
  }

  function ask(): void {
    timer = setTimeout(() => redis.disconnect(true), withinMs);
    // An error is an answer, too; without a connection there will be another "ready".
    redis.ping().then(askLater, () => {
      if (redis.status === "ready") askLater();
    });
  }

  redis.on("ready", askLater).on("close", () => clearTimeout(timer));
  if (redis.status === "ready") askLater();
}

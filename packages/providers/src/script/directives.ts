/** What a prompt asks of the sandbox beside a picture. */
export type Directives = {
  delayMs: number | undefined;
  /** An error code of ours, or the HTTP status that an upstream is to have answered with. */
  fail: string | undefined;
  retryAfterMs: number | undefined;
  /** How many calls of the generation it holds for; undefined is all. */
  times: number | undefined;
  /** How many of the images, counted from the last, are not delivered. */
  missing: number;
  /** Tokens of the input that are to be reported, by a model that reports any; undefined is as many as there are. */
  textTokens: number | undefined;
  imageTokens: number | undefined;
};

/**
 * Reads `[sandbox:key=value,…]`, anywhere in the prompt and several times if need be:
 * `delay` (ms), `fail` (code or status), `retry-after` (seconds), `times`, `missing` (images), `text-tokens`, `image-tokens`.
 */
export function parseDirectives(prompt: string): Directives {
  const pairs = new Map<string, string>();
  for (const [, inside = ""] of prompt.matchAll(/\[sandbox:([^\]]{1,200})\]/g)) {
    for (const pair of inside.split(",")) {
      const [key = "", value = ""] = pair.split("=", 2);
      pairs.set(key.trim(), value.trim());
    }
  }
  const number = (key: string) => {
    const value = Number(pairs.get(key) ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const whole = (key: string) => (Number.isSafeInteger(number(key)) ? number(key) : undefined);
  const retryAfter = number("retry-after");
  return {
    delayMs: number("delay"),
    fail: pairs.get("fail"),
    retryAfterMs: retryAfter === undefined ? undefined : retryAfter * 1000,
    times: number("times"),
    missing: number("missing") ?? 0,
    textTokens: whole("text-tokens"),
    imageTokens: whole("image-tokens"),
  };
}

/** Enough for any test, and a bound for a process that runs for weeks. */
const maxRemembered = 10_000;

/** Counts the calls of each generation within this process: the first is 1. The oldest generations are forgotten. */
export function countedTurns(): (generationId: string) => number {
  const turns = new Map<string, number>();
  return (generationId) => {
    const turn = (turns.get(generationId) ?? 0) + 1;
    turns.delete(generationId);
    turns.set(generationId, turn);
    const [oldest] = turns.keys();
    if (turns.size > maxRemembered && oldest !== undefined) turns.delete(oldest);
    return turn;
  };
}

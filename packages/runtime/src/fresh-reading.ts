export type FreshReadingOptions = {
  /** How long an answer is good for, in milliseconds. */
  freshForMs: number;
  /** Milliseconds from any beginning, never back. */
  now?: (() => number) | undefined;
};

/**
 * Returns the function that answers what `read` does, and calls it at most once in a while, however many ask, and not at all while nobody
 * asks. An error is answered to those who have asked for it, and the next one who asks tries again.
 */
export function createFreshReading<Answer>(
  read: () => Promise<Answer>,
  { freshForMs, now = () => performance.now() }: FreshReadingOptions,
): () => Promise<Answer> {
  let latest: { atMs: number; answer: Promise<Answer> } | undefined;
  return () => {
    if (latest !== undefined && now() - latest.atMs < freshForMs) return latest.answer;
    const reading = { atMs: now(), answer: read() };
    latest = reading;
    reading.answer.catch(() => {
      if (latest === reading) latest = undefined;
    });
    return reading.answer;
  };
}

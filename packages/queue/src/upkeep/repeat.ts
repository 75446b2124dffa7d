/** Something that is done again and again until it is closed. */
export type Repetition = {
  /** Stops, and waits for what is under way. */
  close(): Promise<void>;
};

/** Calls `look` every so often, never twice at a time: a slow look makes the next one late. What it throws is handed to `onError`. */
export function repeat(everyMs: number, look: () => Promise<void>, onError: (error: unknown) => void): Repetition {
  let underWay: Promise<void> | null = null;
  const timer = setInterval(() => {
    underWay ??= look()
      .catch(onError)
      .finally(() => (underWay = null));
  }, everyMs);

  return {
    async close() {
      clearInterval(timer);
      await underWay;
    },
  };
}

/**
 * The shutdown of a process with waiting callers, in steps: it is not ready but still accepts, because balancers take a while to notice; it
 * accepts no new work; near the deadline, callers that still wait get an answer.
 */
export function createDrain() {
  let step: "serving" | "leaving" | "draining" = "serving";
  let leftAtMs = Number.NEGATIVE_INFINITY;
  let dismissed = false;
  const waiting = new Set<() => void>();

  return {
    /** Whether the process shuts down: it is not ready, and connections should not send their next request here. */
    get leaving(): boolean {
      return step !== "serving";
    },

    /** Whether it takes no new generations. */
    get draining(): boolean {
      return step === "draining";
    },

    /** When it began to shut down, by `performance.now()`. Before that -Infinity. */
    get leftAtMs(): number {
      return leftAtMs;
    },

    /** Whether no request waits any more, because the deadline is near. */
    get dismissed(): boolean {
      return dismissed;
    },

    leave(): void {
      if (step !== "serving") return;
      step = "leaving";
      leftAtMs = performance.now();
    },

    begin(): void {
      step = "draining";
    },

    /** Tells all waiting requests that this process will not see their generation end. */
    dismiss(): void {
      dismissed = true;
      for (const tell of waiting) tell();
      waiting.clear();
    },

    /** Calls `tell` when waiting is over, at once if it already is. Returns the function that unregisters it. */
    onDismiss(tell: () => void): () => void {
      if (dismissed) tell();
      else waiting.add(tell);
      return () => void waiting.delete(tell);
    },
  };
}

export type Drain = ReturnType<typeof createDrain>;

/**
 * The shutdown of a process with waiting callers, in steps: it is not ready but still accepts, because balancers take a while to notice; it
 * accepts no new work; near the deadline, callers that still wait get an answer.
 */
export function createDrain() {
  let step: "serving" | "leaving" | "draining" = "serving";
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

    leave(): void {
      if (step === "serving") step = "leaving";
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

/**
 * The way out of a process that callers wait on, in steps: it is not ready any more but goes on accepting, since balancers take a while to
 * notice; it takes no new work; near the deadline, callers who still wait get an answer.
 */
export function createDrain() {
  let step: "serving" | "leaving" | "draining" = "serving";
  let dismissed = false;
  const waiting = new Set<() => void>();

  return {
    /** Whether the process is on its way out: it is not ready, and no connection is to bring its next request here. */
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

    /** Tells all who wait that this process will not see their generation end. */
    dismiss(): void {
      dismissed = true;
      for (const tell of waiting) tell();
      waiting.clear();
    },

    /** Calls `tell` when waiting is over, at once if it is. Returns the function that takes it back. */
    onDismiss(tell: () => void): () => void {
      if (dismissed) tell();
      else waiting.add(tell);
      return () => void waiting.delete(tell);
    },
  };
}

export type Drain = ReturnType<typeof createDrain>;

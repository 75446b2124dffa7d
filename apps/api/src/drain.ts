/** The way out of a process that others wait on: first no new work, then, near the deadline, an answer for whoever still waits. */
export function createDrain() {
  let draining = false;
  let dismissed = false;
  const waiting = new Set<() => void>();

  return {
    /** Whether the process is on its way out: it is not ready, and takes no new generations. */
    get draining(): boolean {
      return draining;
    },

    begin(): void {
      draining = true;
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

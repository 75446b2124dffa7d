/**
 * Settles when this process is told to end: Ctrl-C, SIGTERM, a closed terminal, or the end of the process that started us with an
 * IPC channel. Asking again changes nothing: every step of stopping has its own deadline.
 */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
    process.once("disconnect", () => resolve());
    // Listening for its end must not keep us alive once the stack has stopped.
    process.channel?.unref();
  });
}

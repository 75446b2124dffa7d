const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Works as ever, but that Ctrl-C and the like do not end the process before it has said how to come back. A second Ctrl-C ends it while it still
 * says so.
 */
export async function withFarewell<T>(farewell: () => void | Promise<void>, work: () => Promise<T>): Promise<T> {
  const leave = (signal: NodeJS.Signals) => {
    forget();
    // No handler is left, so this time the signal ends the process, and the parent process sees which signal it was.
    const end = () => void process.kill(process.pid, signal);
    const said = farewell();
    if (said === undefined) end();
    else void said.finally(end);
  };
  const forget = () => {
    for (const signal of endings) process.off(signal, leave);
  };
  for (const signal of endings) process.on(signal, leave);
  try {
    return await work();
  } finally {
    forget();
  }
}

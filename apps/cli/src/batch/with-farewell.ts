const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Works as ever, but that Ctrl-C and the like do not end the process before it has said how to come back. */
export async function withFarewell<T>(farewell: () => void, work: () => Promise<T>): Promise<T> {
  const leave = (signal: NodeJS.Signals) => {
    forget();
    farewell();
    // Nobody listens any more, so this time it ends the process, and whoever started us sees by what.
    process.kill(process.pid, signal);
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

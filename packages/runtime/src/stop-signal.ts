/** Resolves with the first SIGTERM or SIGINT. The second is left to Node, which ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const heard = (signal: NodeJS.Signals) => {
    process.off("SIGTERM", heard).off("SIGINT", heard);
    resolve(signal);
  };
  process.on("SIGTERM", heard).on("SIGINT", heard);
  return promise;
}

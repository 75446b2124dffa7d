/**
 * The call's own ending, or the signal's reason as soon as it aborts. undici obeys a signal only once it has a connection (and then
 * sends nothing), which may take as long as the connect timeout. A caller that waits for the connection stops waiting here.
 */
export async function orAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([call, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A signal that fires with the caller's, or after `timeoutMs`; `timedOut()` tells which. `clear()` when done. */
export function deadline(signal: AbortSignal, timeoutMs: number) {
  const timer = new AbortController();
  const handle = setTimeout(() => timer.abort(), timeoutMs);
  return {
    signal: AbortSignal.any([signal, timer.signal]),
    timedOut: () => timer.signal.aborted,
    clear: () => clearTimeout(handle),
  };
}

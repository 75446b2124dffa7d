import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the answer is yes.
 * @returns false when it was not within `timeoutMs`, or when the signal aborted before
 */
export async function waitUntil(
  isReady: () => Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (signal?.aborted) return false;
    if (await isReady()) return true;
    await sleep(50);
  }
  return false;
}

/** The status that a URL answers now, to the API key when there is one; undefined where it does not answer. */
export async function statusOf(url: string, apiKey?: string): Promise<number | undefined> {
  const headers = new Headers(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` });
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

import type { ServerResponse } from "node:http";
import { ApiError } from "@darkroom/contracts";

/** What downloads are counted by, each with the most at a time. A picture is through in milliseconds, or in seconds on a slow line. */
const most = { link: 64, network: 256, key: 64 };

const names = {
  link: (count: number) => `This link is being read ${count} times at once`,
  network: (count: number) => `${count} images are being read by your address, or its /64 network of IPv6, at once`,
  key: (count: number) => `This API key reads ${count} files at once`,
};

export type DownloadCount = { by: keyof typeof most; id: string };

const retryAfterMs = 2_000;

/**
 * Bounds the downloads that are under way at once, each of which has a file open, or a connection to the object store, for as long as its client
 * takes: by link and by network, since a link needs no key, and by key.
 */
export function createDownloadLimits() {
  const underWay = new Map<string, number>();

  return {
    /** Counts a download until its answer is out or its client has gone. Throws `ApiError` where there are too many. */
    holdOrRefuse(response: ServerResponse, counts: readonly DownloadCount[]): void {
      if (response.closed) return;
      const keys = counts.map(({ by, id }) => ({ by, key: `${by} ${id}` }));
      for (const { by, key } of keys) {
        if ((underWay.get(key) ?? 0) < most[by]) continue;
        const message = `${names[by](most[by])}, which is the limit. Send the request again when one is done.`;
        throw new ApiError("concurrency_limit_exceeded", message, { retryAfterMs });
      }
      for (const { key } of keys) underWay.set(key, (underWay.get(key) ?? 0) + 1);
      response.once("close", () => {
        for (const { key } of keys) {
          const left = (underWay.get(key) ?? 0) - 1;
          if (left > 0) underWay.set(key, left);
          else underWay.delete(key);
        }
      });
    },
  };
}

export type DownloadLimits = ReturnType<typeof createDownloadLimits>;

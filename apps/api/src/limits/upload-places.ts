import { ApiError } from "@darkroom/contracts";

/** Each has up to 24 MiB of its parts in memory while a slow S3 takes them: together 800 MB. */
const maxUploads = 32;
/** A file of ten megabytes is uploaded by then. */
const retryAfterMs = 5_000;

/**
 * Limits the uploads that this process receives at a time. A tenant may have as many as are free, so its share falls as places run out: the
 * first tenant has 16 of 32, the next 8, then 4, and the last place is for a tenant that has none. `take` takes a place and returns the function that releases it. Throws `ApiError`
 * where there is none.
 */
export function createUploadPlaces() {
  const taken = new Map<string, number>();
  let all = 0;

  return {
    take(tenant: string): () => void {
      const own = taken.get(tenant) ?? 0;
      if (all === maxUploads || own >= maxUploads - all) {
        const message = "Too many files are being uploaded. Send this one again later.";
        throw new ApiError("overloaded", message, { retryAfterMs });
      }
      all++;
      taken.set(tenant, own + 1);
      return () => {
        all--;
        const left = (taken.get(tenant) ?? 0) - 1;
        if (left === 0) taken.delete(tenant);
        else taken.set(tenant, left);
      };
    },
  };
}

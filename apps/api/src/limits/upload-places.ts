import { ApiError } from "@darkroom/contracts";

/** Each has up to 24 MiB of its parts in memory while a slow S3 takes them: together 800 MB. */
const maxUploads = 32;
/** Of one tenant: its slow uploads leave room for others. */
const maxUploadsOfTenant = 16;
/** A file of ten megabytes is through by then. */
const retryAfterMs = 5_000;

/**
 * The uploads that this process takes at a time. `take` gives a place and returns the function that gives it back, or throws `ApiError`
 * where there is none.
 */
export function createUploadPlaces() {
  const taken = new Map<string, number>();
  let all = 0;

  return {
    take(tenant: string): () => void {
      const own = taken.get(tenant) ?? 0;
      if (all === maxUploads || own === maxUploadsOfTenant) {
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

import type { Account, KeyStore } from "@darkroom/accounts";
import { ApiError, countOf } from "@darkroom/contracts";
import { queueAnswer } from "../generation/queue-answer.ts";

/** The limits of the installation for keys that have none of their own. */
export type DefaultLimits = Record<
  "held_requests" | "http_requests_per_minute" | "stored_files" | "stored_bytes" | "unfinished_batch_lines",
  number
>;

/** The most files, and bytes of files, that the tenant of a key may have. */
export type StoredLimits = Record<"files" | "bytes", number>;

export type StoredQuotaOptions = {
  keyStore: Pick<KeyStore, "readTenantUse">;
  defaultLimits: DefaultLimits;
};

/** How soon lines of a batch may have ended, so that there is room for others. It is a guess. */
const retryAfterMs = 60_000;

/**
 * What the tenant of a key may hold: files, their bytes, and lines of batches that have not ended. All are counted by tenant, because its keys
 * share them, and each key says up to which number it may add to them.
 */
export function createStoredQuota({ keyStore, defaultLimits }: StoredQuotaOptions) {
  const quotaOf = ({ limits }: Account): StoredLimits => ({
    files: limits.stored_files ?? defaultLimits.stored_files,
    bytes: limits.stored_bytes ?? defaultLimits.stored_bytes,
  });
  const mostLinesOf = ({ limits }: Account) => limits.unfinished_batch_lines ?? defaultLimits.unfinished_batch_lines;

  return {
    quotaOf,
    mostLinesOf,

    /**
     * How many bytes of a file have room, of `bytes` that are announced. Throws `ApiError` where these have none. Another file may take the
     * room before this one is whole: what counts is when it is kept.
     */
    async assertRoomForFile(account: Account, bytes: number): Promise<number> {
      const quota = quotaOf(account);
      const use = await queueAnswer(keyStore.readTenantUse(account.tenant));
      if (use.files >= quota.files) throw noRoomForFiles(quota);
      const room = quota.bytes - use.bytes;
      if (room <= 0 || bytes > room) throw noRoomForBytes(quota);
      return room;
    },

    /** Throws `ApiError` where a tenant has more than it may, so that another batch may only add to it. */
    async assertRoomForBatch(account: Account): Promise<void> {
      const quota = quotaOf(account);
      const mostLines = mostLinesOf(account);
      const use = await queueAnswer(keyStore.readTenantUse(account.tenant));
      // A batch that fails leaves a file of its mistakes. Its input is a file that has found room.
      if (use.files > quota.files) throw noRoomForFiles(quota);
      if (use.bytes > quota.bytes) throw noRoomForBytes(quota);
      if (use.lines >= mostLines) {
        throw new ApiError(
          "queue_full",
          `The batches of this API key's tenant may have ${countOf(mostLines, "unfinished line")} (unfinished_batch_lines), and have ${use.lines}. Send the request again when some have ended.`,
          { retryAfterMs },
        );
      }
    },
  };
}

export type StoredQuota = ReturnType<typeof createStoredQuota>;

/** The refusal of a file where its tenant has as many as the key allows. */
export const noRoomForFiles = ({ files }: StoredLimits): ApiError =>
  new ApiError(
    "insufficient_quota",
    `The tenant of this API key may have ${countOf(files, "file")} (stored_files), and has that many. Delete files, or wait until some expire.`,
    { param: "file" },
  );

/** The same where the bytes have no room. */
export const noRoomForBytes = ({ bytes }: StoredLimits): ApiError =>
  new ApiError(
    "insufficient_quota",
    `The files of this API key's tenant may have ${bytes} bytes together (stored_bytes), and with this one they would have more. Delete files, or wait until some expire.`,
    { param: "file" },
  );

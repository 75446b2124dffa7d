import type { Readable } from "node:stream";
import { type FilePurpose, newFileId } from "@darkroom/contracts";
import { defineScript } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { DropFile } from "./drop-file.ts";
import { type FileKeys, fileObject } from "./file-keys.ts";
import { encodeFile, type FileRecord } from "./file-record.ts";
import { FileUploadError } from "./file-upload-error.ts";
import { measuredStream } from "./measured-stream.ts";

const beginScript = defineScript(new URL("scripts/begin.lua", import.meta.url), z.literal([0, 1]));
const keepScript = defineScript(
  new URL("scripts/keep.lua", import.meta.url),
  z.enum(["kept", "unknown", "files", "bytes"]),
);

/** OpenAI's, for the files of batches: thirty days. */
const defaultExpirySeconds = 2_592_000;
/** No upload takes a day: what was begun before that, and is no file yet, never will be. */
const uploadMs = 86_400_000;

export type UploadOptions = {
  /** The id of the file. An upload to the id of a file replaces it, whole, when it is kept. Left out: a new one. */
  id?: string | undefined;
  tenant: string;
  /** Read to its end, or destroyed. */
  body: Readable;
  /** In bytes. Left out: as many as there are. */
  maxBytes?: number | undefined;
  /** The most bytes that are likely, where that is more than 50 GB: see `ObjectStore.put`. */
  expectedBytes?: number | undefined;
};

export type FileFacts = {
  purpose: FilePurpose;
  filename: string;
  /** Counted from now. Left out: thirty days. */
  expiresInSeconds?: number | undefined;
  /**
   * Counts it with what its tenant holds, and refuses it where the tenant would have more than this; null: it may have any number. Left out:
   * it does not count, as the output of a batch, which is paid for.
   */
  quota?: FileQuota | undefined;
};

/** The most files, and bytes of files, that a tenant may have. */
export type FileQuota = { files: number | null; bytes: number | null };

/** Bytes in the object store that are no file yet. They are not visible; left alone they are removed a day later. */
export type FileUpload = {
  bytes: number;
  /** Makes a file of them. Throws `FileUploadError`. */
  keep(facts: FileFacts): Promise<FileRecord>;
  /** Removes them. Never throws: what cannot be removed now is removed by a sweep. */
  discard(): Promise<void>;
};

export type UploadFileOptions = {
  redis: Redis;
  keys: FileKeys;
  objects: Pick<ObjectStore, "put">;
  dropFile: DropFile;
  log: Pick<Logger, "warn">;
  now: () => Promise<number>;
};

/** Returns the function that streams bytes into the store. It throws `FileUploadError`, and then nothing is left of a new file. */
export function createUploadFile({ redis, keys, objects, dropFile, log, now }: UploadFileOptions) {
  return async ({
    id: given,
    tenant,
    body,
    maxBytes = Infinity,
    expectedBytes,
  }: UploadOptions): Promise<FileUpload> => {
    const id = given ?? newFileId(Date.now());
    const object = fileObject(tenant, id);
    const measured = measuredStream(body, maxBytes);

    /** A given id may be that of a file that stands, by this call repeated or by another process: only sweeps decide about that. */
    async function discard(): Promise<void> {
      if (given !== undefined) return;
      await dropFile.drop(tenant, id).catch((error: unknown) => {
        log.warn({ err: error, fileId: id }, "What is left of an upload could not be removed; a later sweep will");
      });
    }

    async function failed(cause: unknown): Promise<FileUploadError> {
      body.destroy();
      await discard();
      return cause instanceof FileUploadError ? cause : new FileUploadError("not_kept", { cause });
    }

    async function keep({ purpose, filename, expiresInSeconds = defaultExpirySeconds, quota }: FileFacts) {
      const createdAtMs = await now();
      const expiresAtMs = createdAtMs + expiresInSeconds * 1_000;
      const [bytes, sha256] = [measured.bytes(), measured.sha256()];
      const record: FileRecord = { id, tenant, purpose, filename, bytes, sha256, createdAtMs, expiresAtMs };
      const where = [keys.record(id), keys.expiring, keys.index(tenant), keys.index(tenant, purpose), keys.root];
      const counted = quota === undefined ? ["-", "-", "-"] : [record.bytes, quota.files ?? "-", quota.bytes ?? "-"];
      const args = [object, id, createdAtMs, expiresAtMs, tenant, ...counted, ...encodeFile(record)];
      const kept = await keepScript(redis, where, args);
      if (kept === "files") throw new FileUploadError("no_room_for_files");
      if (kept === "bytes") throw new FileUploadError("no_room_for_bytes");
      if (kept === "unknown")
        throw new Error("The upload took so long that it was swept away, or its file was removed meanwhile");
      return record;
    }

    try {
      if ((await beginScript(redis, [keys.expiring, keys.dropping], [object, (await now()) + uploadMs])) === 0) {
        throw new Error("The bytes of an earlier file of this id are being removed");
      }
      await objects.put(object, measured.body, { contentType: "application/jsonl", expectedBytes });
    } catch (error) {
      measured.body.destroy();
      throw await failed(error);
    }
    return {
      bytes: measured.bytes(),
      keep: (facts) =>
        keep(facts).catch(async (error: unknown) => {
          throw await failed(error);
        }),
      discard,
    };
  };
}

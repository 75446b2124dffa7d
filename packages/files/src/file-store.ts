import type { ObjectStore, OpenObject } from "@darkroom/storage";
import { type Quarantine, redisTime } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { countFiles } from "./count-files.ts";
import { createDropFile } from "./drop-file.ts";
import { createFileKeys, fileObject } from "./file-keys.ts";
import { decodeFile, type FileRecord } from "./file-record.ts";
import { createListFiles } from "./list-files.ts";
import { createUploadFile, type FileFacts, type UploadOptions } from "./upload-file.ts";

export type FileStoreOptions = {
  redis: Redis;
  /** What all names in Redis begin with. */
  prefix: string;
  objects: Pick<ObjectStore, "put" | "get" | "delete">;
  /** For a process that sweeps: where what cannot be removed is set aside. */
  quarantine?: Pick<Quarantine, "setAside" | "release"> | undefined;
  log: Pick<Logger, "warn">;
  /** The time in Unix milliseconds. Left out: that of Redis, so that no process whose clock is wrong removes what others keep. */
  now?: () => Promise<number>;
};

/**
 * The files of all tenants: records in Redis, bytes in the object store. No call leaves bytes behind that no sweep finds, wherever it is
 * killed: `sweep` comes upon them. Methods reject where Redis is away, if they do not say otherwise.
 */
export function createFileStore(options: FileStoreOptions) {
  const { redis, prefix, objects, quarantine, log, now = () => redisTime(redis) } = options;
  const keys = createFileKeys(prefix);
  const dropFile = createDropFile({ redis, keys, objects, quarantine, log, now });
  const upload = createUploadFile({ redis, keys, objects, dropFile, log, now });

  /** Null for a file that is not, or no longer, there. Whose it is, is for the caller to see. */
  async function read(id: string): Promise<FileRecord | null> {
    const [fields, nowMs] = await Promise.all([redis.hgetall(keys.record(id)), now()]);
    const record = decodeFile(fields);
    return record !== null && record.expiresAtMs > nowMs ? record : null;
  }

  return {
    read,

    /** Streams bytes into the store, for what they are for to be told later. Throws `FileUploadError`. */
    upload,

    /**
     * Streams bytes into the store and makes a file of them. With an `id` it may be repeated: the later file replaces the one before,
     * which stands until then. Throws `FileUploadError`, and then nothing is left of a new file.
     */
    async create({
      id,
      tenant,
      body,
      maxBytes,
      expectedBytes,
      ...facts
    }: UploadOptions & FileFacts): Promise<FileRecord> {
      const uploaded = await upload({ id, tenant, body, maxBytes, expectedBytes });
      return uploaded.keep(facts);
    },

    /** The bytes of a file; throws `ObjectNotFoundError` where it was removed since it was read. Read the body or destroy it. */
    open: ({ tenant, id }: Pick<FileRecord, "tenant" | "id">): Promise<OpenObject> =>
      objects.get(fileObject(tenant, id)),

    /** A page of a tenant's files. Null when the id to go on from is not one of them, or was removed too long ago. */
    list: createListFiles({ redis, keys, now }),

    /** Takes a file away. False where there is none. Once it resolves the file is gone, even while the object store is away. */
    async remove(id: string): Promise<boolean> {
      const record = await read(id);
      if (record === null) return false;
      await dropFile.drop(record.tenant, id);
      return true;
    },

    /** Counts, in their records, the files of a tenant that count with what it holds. */
    count: (tenant: string) => countFiles(redis, keys, tenant),

    /** Removes what has expired or was left behind, and says how many. For one worker of the fleet, every so often. Rejects where the store is away. */
    sweep: () => dropFile.sweep(),
  };
}

export type FileStore = ReturnType<typeof createFileStore>;

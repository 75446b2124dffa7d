import { ApiError } from "@darkroom/contracts";
import type { FileRecord, FileStore } from "@darkroom/files";
import { queueAnswer } from "../generation/queue-answer.ts";

/**
 * Returns the function that reads a tenant's file by the id in the path. Throws `ApiError` `not_found` for any other id, so that no tenant
 * learns which ids other tenants have.
 */
export function createFindFile({ files }: { files: Pick<FileStore, "read"> }) {
  return async (tenant: string, id: string): Promise<FileRecord> => {
    const record = await queueAnswer(files.read(id));
    if (record?.tenant !== tenant) throw new ApiError("not_found", "There is no file with this id.");
    return record;
  };
}

export type FindFile = ReturnType<typeof createFindFile>;

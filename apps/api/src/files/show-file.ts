import type { FileObject } from "@darkroom/contracts";
import type { FileRecord } from "@darkroom/files";

const seconds = (ms: number): number => Math.floor(ms / 1_000);

/** A file as its owner sees it. */
export const showFile = (record: FileRecord): FileObject => ({
  id: record.id,
  object: "file",
  bytes: record.bytes,
  created_at: seconds(record.createdAtMs),
  expires_at: seconds(record.expiresAtMs),
  filename: record.filename,
  purpose: record.purpose,
  status: "processed",
});

export type { FileRecord } from "./file-record.ts";
export { createFileStore, type FileStore } from "./file-store.ts";
export { FileUploadError } from "./file-upload-error.ts";
export type { FileFacts, FileQuota, FileUpload } from "./upload-file.ts";

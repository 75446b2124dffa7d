/**
 * `no_room_for_files`, `no_room_for_bytes`: its tenant would have more files, or bytes of files, than it may. `too_large`: there are more bytes than allowed. `broken_off`: the source ended before its end, or failed; `cause` is its own error.
 * `not_kept`: the object store or Redis failed; the same upload may succeed later.
 */
type Reason = "too_large" | "broken_off" | "not_kept" | "no_room_for_files" | "no_room_for_bytes";

const sentences: Record<Reason, string> = {
  too_large: "The file is larger than allowed.",
  broken_off: "The upload ended before the file was complete.",
  not_kept: "The file could not be stored.",
  no_room_for_files: "The tenant has as many files as it may.",
  no_room_for_bytes: "The files of the tenant have as many bytes as they may.",
};

/** Why an upload did not become a file. Nothing of it is left. */
export class FileUploadError extends Error {
  override readonly name = "FileUploadError";
  readonly reason: Reason;

  constructor(reason: Reason, options?: ErrorOptions) {
    super(sentences[reason], options);
    this.reason = reason;
  }
}

/**
 * `too_large`: there are more bytes than allowed. `broken_off`: the source ended before its end, or failed; `cause` is its own error.
 * `not_kept`: the object store or Redis failed; the same upload may succeed later.
 */
type Reason = "too_large" | "broken_off" | "not_kept";

const sentences: Record<Reason, string> = {
  too_large: "The file is larger than allowed.",
  broken_off: "The upload ended before the file was complete.",
  not_kept: "The file could not be stored.",
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

import { ApiError, maxFileBytes } from "@darkroom/contracts";
import { type FileStore, FileUploadError } from "@darkroom/files";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Drain } from "../../drain.ts";
import { readFileForm } from "../../files/read-file-form.ts";
import { showFile } from "../../files/show-file.ts";
import { createUploadPlaces } from "../../limits/upload-places.ts";
import type { ShedLoad } from "../../limits/shed-load.ts";
import { noRoomForBytes, noRoomForFiles, type StoredLimits, type StoredQuota } from "../../limits/stored-quota.ts";
import { accountOf } from "../../http/authenticate.ts";
import { assertPlainBody } from "../../http/request-body.ts";
import type { BodyDeadline } from "../../limits/body-deadline.ts";
import { maxFormOverheadBytes } from "../../limits/server-limits.ts";

export type CreateFileDependencies = {
  files: Pick<FileStore, "upload">;
  storedQuota: Pick<StoredQuota, "quotaOf" | "assertRoomForFile">;
  shedLoad: ShedLoad;
  bodyDeadline: BodyDeadline;
  drain: Drain;
};

/** The longest name that common file systems allow. */
const maxFilenameCharacters = 255;

/** `POST /v1/files`: streams a file into the object store and answers when it is stored. */
export function createFileRoute(app: FastifyInstance, dependencies: CreateFileDependencies): void {
  const { files, storedQuota, shedLoad, bodyDeadline, drain } = dependencies;
  const places = createUploadPlaces();

  void app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    // Read by the handler, as it comes.
    uploads.addContentTypeParser("multipart/form-data", async () => undefined);

    uploads.post("/v1/files", { onRequest: async (request) => refuseEarly(request) }, async (request, reply) => {
      const account = accountOf(request);
      const { tenant } = account;
      shedLoad(tenant);
      const quota = storedQuota.quotaOf(account);
      const room = await storedQuota.assertRoomForFile(account, leastFileBytes(request));
      const stopping = new AbortController();
      const leave = places.take(tenant);
      const release = drain.onDismiss(() => stopping.abort(shuttingDown()));
      try {
        bodyDeadline.allowUpload(request.raw, reply.raw);
        const { upload, ...facts } = await readFileForm({
          source: request.raw,
          signal: stopping.signal,
          maxOverheadBytes: maxFormOverheadBytes,
          receive: async (name, body) => {
            assertFilename(name);
            return files.upload({ tenant, body, maxBytes: Math.min(maxFileBytes, room) });
          },
        });
        const record = await upload.keep({ ...facts, quota });
        return await reply.header("cache-control", "no-store").send(showFile(record));
      } catch (error) {
        throw error instanceof FileUploadError ? apiErrorOf(error, quota, room) : error;
      } finally {
        release();
        leave();
      }
    });
  });
}

/** Refuses what is known to be wrong before the body is read. */
function refuseEarly({ headers }: FastifyRequest): void {
  if (!/^multipart\/form-data\s*(;|$)/i.test(headers["content-type"] ?? "")) {
    throw new ApiError(
      "unsupported_media_type",
      "A file must be sent as a form. Send it with the header Content-Type: multipart/form-data.",
    );
  }
  assertPlainBody(headers);
  if (Number(headers["content-length"] ?? 0) > maxFileBytes + maxFormOverheadBytes) throw tooLarge();
}

/** How many bytes the file of a form has at least, by what is announced; 0 where nothing is. */
const leastFileBytes = ({ headers }: FastifyRequest): number =>
  Math.max(Number(headers["content-length"] ?? 0) - maxFormOverheadBytes, 0);

/** Control characters (a NUL ends a name in C), line separators, and marks that let a name end other than it looks. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

function assertFilename(filename: string): void {
  if (unprintable.test(filename)) {
    const message = "The filename must not have control characters or marks that change the direction of text.";
    throw new ApiError("invalid_request_error", message, { param: "file" });
  }
  if (!/\.jsonl$/i.test(filename)) {
    throw new ApiError("invalid_request_error", "Invalid file format for Batch API. Must be .jsonl", { param: "file" });
  }
  if (filename.length > maxFilenameCharacters) {
    const message = `The filename is longer than ${maxFilenameCharacters} characters, which is the limit.`;
    throw new ApiError("invalid_request_error", message, { param: "file" });
  }
}

/** `room`: how many bytes the tenant could add when the upload began. */
function apiErrorOf(cause: FileUploadError, quota: StoredLimits, room: number): ApiError {
  if (cause.reason === "no_room_for_files") return noRoomForFiles(quota);
  if (cause.reason === "no_room_for_bytes") return noRoomForBytes(quota);
  if (cause.reason === "too_large") return room < maxFileBytes ? noRoomForBytes(quota) : tooLarge();
  if (cause.reason === "broken_off") {
    return new ApiError("invalid_request_error", "The upload ended before the file was complete.", {
      param: "file",
      cause,
    });
  }
  const message = "The file could not be stored at the moment. Send it again.";
  return new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
}

const tooLarge = () =>
  new ApiError("payload_too_large", `The file is larger than ${maxFileBytes} bytes, which is the limit.`, {
    param: "file",
  });

const shuttingDown = () =>
  new ApiError("overloaded", "This server is shutting down. Send the file again.", { retryAfterMs: 1_000 });

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { ApiError, parseBody, quoteValue, expiresAfterSchema } from "@darkroom/contracts";
import type { FileFacts, FileUpload } from "@darkroom/files";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { z } from "zod";

/** The fields of an upload beside its file, which come as text. */
const fileFormSchema = z.strictObject({
  purpose: z.enum(["batch"]),
  "expires_after[anchor]": expiresAfterSchema.shape.anchor.optional(),
  "expires_after[seconds]": z
    .string()
    .regex(/^\d{1,10}$/, "must be a whole number of seconds")
    .transform(Number)
    .pipe(expiresAfterSchema.shape.seconds)
    .optional(),
});

/** The purpose of an upload, and how long it is kept. Throws `ApiError`. */
function parseFileForm(fields: Readonly<Record<string, string>>) {
  const { purpose, ...expiry } = parseBody(fileFormSchema, fields);
  const anchor = expiry["expires_after[anchor]"];
  const expiresInSeconds = expiry["expires_after[seconds]"];
  if ((anchor === undefined) !== (expiresInSeconds === undefined)) {
    const param = anchor === undefined ? "expires_after[anchor]" : "expires_after[seconds]";
    throw new ApiError("invalid_request_error", `Missing required parameter: '${param}'.`, { param });
  }
  return { purpose, expiresInSeconds };
}

export type ReadFileFormOptions = {
  source: IncomingMessage;
  /** Receives the file as it arrives, and discards it when its body fails. */
  receive: (filename: string, body: Readable) => Promise<FileUpload>;
  /** Breaks off; its reason is thrown. */
  signal: AbortSignal;
  /** How much may come besides the bytes of the file: boundaries, headers, fields, and what stands before and behind the form. */
  maxOverheadBytes: number;
};

export type FileForm = FileFacts & { upload: FileUpload };

/** Room for the known fields, and for mistakes that deserve a message. A longer value is not a known one. */
const limits = { fieldSize: 1_024, parts: 16, headerPairs: 16, headerSize: 8_192 };

/** What Node reads of a connection at once. */
const pieceBytes = 65_536;

const bad = (message: string, param?: string) => new ApiError("invalid_request_error", message, { param });

/**
 * Reads a form with one file, which is received while it arrives. Fields may come before and after it. Throws `ApiError` for the first fault
 * of the form, or the error of `receive`; then the received file is discarded and the rest of the request is read and dropped.
 */
export async function readFileForm(options: ReadFileFormOptions): Promise<FileForm> {
  const { source, receive, signal, maxOverheadBytes } = options;
  const parser = createParser(source);
  const fields = new Map<string, string>();
  let file: { filename: string; body: Readable; receiving: Promise<FileUpload> } | undefined;
  const { promise: parsed, resolve, reject } = Promise.withResolvers<void>();

  parser.on("field", (name, value, _nameTruncated, truncated) => {
    if (name === "file") return reject(bad("The 'file' must be sent as a file: its part has no filename.", "file"));
    if (fields.has(name)) return reject(bad(`'${name}' was sent more than once.`, name));
    if (truncated) return reject(bad(`The value of ${quoteValue(name)} is too long.`, name));
    fields.set(name, value);
    try {
      // As early as possible, because the rest may be long.
      parseBody(fileFormSchema.partial(), Object.fromEntries(fields));
    } catch (error) {
      reject(error);
    }
  });
  parser.on("file", (name, body, filename) => {
    // It may fail before it is read.
    body
      .on("error", () => {})
      .resume()
      .pause();
    if (name !== "file") return reject(bad(`Unknown parameter: ${quoteValue(name)}.`, name));
    if (file !== undefined) return reject(bad("There is more than one 'file': send one at a time.", "file"));
    inFile = true;
    body.once("end", () => (inFile = false));
    const receiving = receive(filename, body);
    receiving.catch(reject);
    file = { filename, body, receiving };
  });
  // Bytes before the first boundary, and behind the last, reach no handler of the parser. A piece in which the file begins counts whole.
  // Bytes that arrive before the stream of the file has been read to its end count with the file.
  let inFile = false;
  let besidesBytes = 0;
  source.on("data", (chunk: Buffer) => {
    if (inFile) return;
    besidesBytes += chunk.length;
    if (besidesBytes <= maxOverheadBytes + pieceBytes) return;
    const message = `The form has more than ${maxOverheadBytes} bytes besides its file, which is the limit.`;
    reject(new ApiError("payload_too_large", message));
  });
  parser.once("partsLimit", () => reject(bad("The form has too many parts.")));
  parser.on("error", (cause) =>
    reject(
      new ApiError(
        "invalid_request_error",
        "The form is malformed: its body is not the multipart/form-data that its Content-Type announces.",
        { cause },
      ),
    ),
  );
  parser.once("finish", resolve);
  // When the client disconnects, the error (`aborted`) comes before the close.
  const brokenOff = (cause?: unknown) =>
    reject(new ApiError("invalid_request_error", "The request ended before its body was complete.", { cause }));
  source.on("error", brokenOff);
  source.once("close", () => {
    if (!source.complete) brokenOff();
  });
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  source.pipe(parser);

  try {
    await parsed;
    if (file === undefined) throw bad("Missing required parameter: 'file'.", "file");
    const { filename, receiving } = file;
    const facts = parseFileForm(Object.fromEntries(fields));
    return { ...facts, filename, upload: await receiving };
  } catch (error) {
    source.unpipe(parser).resume();
    file?.body.destroy();
    const received = await file?.receiving.catch(() => undefined);
    await received?.discard();
    throw error;
  }
}

function createParser({ headers }: IncomingMessage): BusboyInstance {
  try {
    return new Busboy({
      headers: { ...headers, "content-type": headers["content-type"] ?? "" },
      limits,
      // A part without a filename is a text field, whatever its type, and is not stored.
      isPartAFile: (_name, _type, filename) => filename !== undefined,
    });
  } catch (cause) {
    throw new ApiError("invalid_request_error", "The Content-Type multipart/form-data must name its boundary.", {
      cause,
    });
  }
}

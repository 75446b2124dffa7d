import { ApiError, type BatchOutputLine, type ImageResponse } from "@darkroom/contracts";
import type { CatalogueModel } from "@darkroom/models";
import { type BatchRecord } from "../records/batch-record.ts";
import { type LineResult, lineUlid } from "../records/line-result.ts";
import { base64Body, describeImages, endingError, linkResponse, showMissing } from "@darkroom/generations";
import type { ObjectStore } from "@darkroom/storage";
import type { FinalLine } from "./final-lines.ts";
import { readImages } from "./read-images.ts";

/** A line as it is written, without its line end, and its file. It is one text, or a text in parts where it has images. */
export type OutputLine = { file: "output" | "error"; text: string | AsyncIterable<string> };

export type OutputLinesOptions = {
  batch: Pick<BatchRecord, "id" | "outcome">;
  model: CatalogueModel | undefined;
  objects: Pick<ObjectStore, "get" | "link">;
  linkTtlSeconds: number;
  /** How many bytes of base64 all lines together may have. */
  inlineBytes: number;
};

/** The store did not give out an image of a line, for the reason that is the cause. The line may be made again. */
export class UnreadImagesError extends Error {
  override readonly name = "UnreadImagesError";

  constructor(cause: unknown) {
    super("The store did not give out the images of a line", { cause });
  }
}

const base64Length = (bytes: number) => Math.ceil(bytes / 3) * 4;

/**
 * Returns the function that makes the output of one line. A request that ran has the response of the synchronous call; only a request
 * that did not run has an `error` of its own. Throws `UnreadImagesError` where the store does not give out the images of a line.
 */
export function createOutputLines({ batch, model, objects, linkTtlSeconds, inlineBytes }: OutputLinesOptions) {
  const cut = batch.outcome === "expired" ? expired : cancelled;
  let inlineBytesLeft = inlineBytes;

  /** Lines that have their images as base64. A line that is made again keeps its room. */
  const inline = new Set<number>();

  /** Whether a line has its images as base64: it asks for that, and there is room. */
  function isInline({ index, request, delivery }: LineResult): boolean {
    if (request.response_format !== "b64_json") return false;
    if (inline.has(index)) return true;
    const bytes = (delivery?.images ?? []).reduce((sum, image) => sum + base64Length(image.bytes), 0);
    if (bytes > inlineBytesLeft) return false;
    inlineBytesLeft -= bytes;
    inline.add(index);
    return true;
  }

  /** `isGivenUp`: the images of the line are not asked for any more. */
  return async (line: FinalLine, isGivenUp = false): Promise<OutputLine> => {
    const ulid = lineUlid(batch.id, line.index);
    const head = { id: `batch_req_${ulid}`, custom_id: line.custom_id };
    const write = (rest: Omit<BatchOutputLine, "id" | "custom_id">) =>
      JSON.stringify({ ...head, ...rest } satisfies BatchOutputLine);
    const answer = (status_code: number, body: NonNullable<BatchOutputLine["response"]>["body"]) =>
      ({ response: { status_code, request_id: `req_${ulid}`, body }, error: null }) as const;
    const refuse = (error: ApiError): OutputLine => ({
      file: "error",
      text: write(answer(error.status, { error: error.toObject() })),
    });

    if (line.kind === "never_ran") return { file: "error", text: write({ response: null, error: cut }) };
    if (line.kind === "lost") return refuse(new ApiError("server_error", lostMessage(line.index)));

    const { result } = line;
    if (result.status === "expired") return { file: "error", text: write({ response: null, error: expired }) };
    if (result.status === "canceled") return { file: "error", text: write({ response: null, error: cut }) };
    if (result.status === "failed" || !result.delivery?.images.length) return refuse(failureOf(result));

    const described = describeImages(describable(result), model);
    const missing = showMissing(result.missing);
    if (!isInline(result)) {
      const response = await linkResponse(described, objects, linkTtlSeconds);
      return { file: "output", text: write({ ...answer(200, response), ...missing }) };
    }
    if (isGivenUp) return refuse(new ApiError("server_error", refusedMessage));
    const read = await readImages(described, objects).catch((error: unknown) => {
      throw new UnreadImagesError(error);
    });
    if (read === "gone") return refuse(new ApiError("images_gone", goneMessage));
    const shell = write({ ...answer(200, placeholder), ...missing });
    return { file: "output", text: around(shell, base64Body(described, read)) };
  };
}

const expired = {
  code: "batch_expired",
  message: "This request could not be executed before the completion window expired.",
};
const cancelled = {
  code: "batch_cancelled",
  message: "This request was not executed because it, or its batch, was cancelled.",
};

const goneMessage = "The images of this request were made, but are not in the store any more.";
const refusedMessage = "The images of this request were made, but the object store does not give them out.";
const lostMessage = (index: number) =>
  `Darkroom lost what came of this request, which is line ${index + 1} of the input file. It may have been paid for.`;

const failureOf = ({ generation, status, error }: LineResult) => endingError({ id: generation, status, error });

const describable = ({ generation, delivery, request, created_at_ms, ended_at_ms }: LineResult) => ({
  id: generation,
  delivery,
  request,
  createdAtMs: created_at_ms,
  endedAtMs: ended_at_ms,
});

/** Marks the place of the body with the images. No string of the line can have the same text, because its quotes would be escaped. */
const placeholder: ImageResponse = { created: 0, data: [] };

/** A line around a body that comes in parts. */
async function* around(line: string, body: AsyncIterable<string>): AsyncGenerator<string> {
  const hole = JSON.stringify(placeholder);
  const at = line.indexOf(hole);
  yield line.slice(0, at);
  yield* body;
  yield line.slice(at + hole.length);
}

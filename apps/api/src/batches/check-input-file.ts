import { ApiError, isFileId } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import { queueAnswer } from "../generation/queue-answer.ts";

/**
 * Throws `ApiError` where a batch cannot have this file as its input: a 400, since the address that was asked is there and what is wrong
 * stands in the body. Nobody learns which ids others have. What the file says is for the validation to read.
 */
export async function checkInputFile(files: Pick<FileStore, "read">, tenant: string, id: string): Promise<void> {
  const file = isFileId(id) ? await queueAnswer(files.read(id)) : null;
  if (file?.tenant !== tenant) {
    throw refuse("Invalid 'input_file_id': there is no file of this id, or no longer.");
  }
  if (file.purpose !== "batch") {
    throw refuse(`Invalid 'input_file_id': the purpose of the file is '${file.purpose}', but it must be 'batch'.`);
  }
}

const refuse = (message: string) => new ApiError("invalid_request_error", message, { param: "input_file_id" });

import { Problem } from "../problem.ts";

/** What a disk says, as a sentence for whoever can put it right. Everything else as it is. */
export function explainDiskError(error: unknown): unknown {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error;
  const where = "path" in error ? String(error.path) : "The disk";
  return new Problem(`${where} cannot be used (${String(error.code)}).`, { cause: error });
}

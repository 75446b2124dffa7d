/** Something that the person at the keyboard can put right. Its message is a sentence for them, and they see no stack trace. */
export class Problem extends Error {
  /** @override */
  name = "Problem";
}

/**
 * Runs a command's main function: a Problem ends the process with its sentence, anything else is a bug and shows its stack.
 * @param {() => Promise<number>} main returns the exit code
 */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    const sentence = error instanceof Problem ? error.message : explainFileError(error);
    if (!sentence) throw error;
    console.error(`\n${sentence}`);
    process.exitCode = 1;
  }
}

/**
 * The system's name for what went wrong, such as "EACCES"; undefined when it is not the system's error.
 * @param {unknown} error
 */
export function errorCode(error) {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** @param {unknown} error */
function explainFileError(error) {
  const code = errorCode(error);
  if (code === undefined || !(error instanceof Error) || !("path" in error)) return undefined;
  const path = String(error.path);
  if (code === "ENOSPC")
    return `The disk is full: ${path} could not be written. Free some space and run the command again.`;
  if (["EACCES", "EPERM", "EROFS"].includes(code)) {
    return `Darkroom cannot write to ${path} (${code}). Make it writable for this user and run the command again.`;
  }
  return undefined;
}

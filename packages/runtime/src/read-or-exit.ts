/**
 * What `read` returns. When it throws, the process ends with its sentence and code 1: whoever starts a service has a setting to mend,
 * and no use for a stack.
 */
export function readOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // oxlint-disable-next-line no-console -- there is no logger before its settings are read; the sentence is one of our own
    console.error(error instanceof Error ? error.message : String(error));
    return process.exit(1);
  }
}

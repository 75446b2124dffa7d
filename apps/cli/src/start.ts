import { SettingsError } from "@darkroom/settings";
import { readConfig } from "./config.ts";
import { Problem } from "./problem.ts";
import { runStack, type StackPrograms } from "./run-stack.ts";
import { stopRequested } from "./stop-requested.ts";

/** `darkroom start`: sets the exit code, and tells a Problem as its sentence. */
export async function start(programs: StackPrograms): Promise<void> {
  try {
    await runStack({ config: readConfig(), programs, stopRequested: stopRequested(), say: console.log });
  } catch (error) {
    const isSentence = error instanceof Problem || error instanceof SettingsError;
    const sentence = isSentence ? error.message : explainFileError(error);
    if (sentence === undefined) throw error;
    console.error(`\n${sentence}`);
    process.exitCode = 1;
  }
}

function explainFileError(error: unknown): string | undefined {
  if (!(error instanceof Error && "code" in error && "path" in error)) return undefined;
  return `Darkroom cannot use ${String(error.path)} (${String(error.code)}). Make it readable and writable for this user, or set STATE_DIRECTORY to another folder.`;
}

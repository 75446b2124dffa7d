import { Command } from "@commander-js/extra-typings";
import { readConfig } from "../config.ts";
import { Problem } from "../problem.ts";
import { runStack, type StackPrograms } from "../run-stack.ts";

/** `darkroom start`: Redis, the api and the worker on this machine. */
export function startCommand(programs: StackPrograms) {
  return new Command("start")
    .description("run Redis, the api and the worker on this machine, until Ctrl-C")
    .action(async () => {
      try {
        await runStack({ config: readConfig(), programs, stopRequested: stopRequested(), say: console.log });
      } catch (error) {
        // What the stack has said stands above: its end is set apart from it.
        console.error();
        throw explainFileError(error) ?? error;
      }
    });
}

function explainFileError(error: unknown): Problem | undefined {
  if (!(error instanceof Error && "code" in error && "path" in error)) return undefined;
  return new Problem(
    `Darkroom cannot use ${String(error.path)} (${String(error.code)}). Make it readable and writable for this user, or set STATE_DIRECTORY to another folder.`,
  );
}

/**
 * Settles when this process is told to end: Ctrl-C, SIGTERM, a closed terminal, or the end of the process that started us with an
 * IPC channel. Asking again changes nothing: every step of stopping has its own deadline.
 */
function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
    process.once("disconnect", () => resolve());
    // Listening for its end must not keep us alive once the stack has stopped.
    process.channel?.unref();
  });
}

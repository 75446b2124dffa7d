import { printableLines } from "@darkroom/contracts";
import { readClientConfig } from "./config.ts";
import { confirm } from "./confirm.ts";
import { barProgress } from "./progress/bar-progress.ts";
import { lineProgress } from "./progress/line-progress.ts";
import type { Progress } from "./progress/progress.ts";
import { findService } from "./service/find-service.ts";
import { createHttpApi, type HttpApi } from "./service/http-api.ts";

/** What a command has to do with the world: a service to ask, and a person or a program to answer. */
export type Shell = {
  /**
   * The service that a command speaks to.
   * @throws {Problem} when none is named and none runs from this checkout
   */
  connect: (options: { url?: string | undefined }) => HttpApi;
  /** A result, on stdout. Nothing else goes there. */
  print: (result: string) => void;
  /** Words about it, on stderr. */
  say: (words: string) => void;
  /** Asks whether to go on. Undefined without a terminal. */
  confirm: (question: string) => Promise<boolean | undefined>;
  /** How something goes on, on stderr: a bar where that is a terminal, else a line now and then. */
  startProgress: () => Progress;
};

/** The terminal, and the environment, of this process. */
export const processShell: Shell = {
  connect: ({ url }) => createHttpApi({ service: findService(url, readClientConfig()), fetch }),
  print: (result) => {
    process.stdout.once("error", forgiveClosedPipe);
    process.stdout.write(`${printableLines(result)}\n`);
  },
  say,
  confirm,
  startProgress: () =>
    process.stderr.isTTY ? barProgress(process.stderr) : lineProgress(say, () => performance.now()),
};

function say(words: string): void {
  console.error(printableLines(words));
}

/** `darkroom keys list | head -1` has read enough; that is no mistake of anybody's. */
function forgiveClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

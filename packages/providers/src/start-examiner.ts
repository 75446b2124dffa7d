import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { ExaminedImage, Examination } from "./examine-process.ts";

/**
 * Thrown when the process ended before it had an answer, or could not be started: a decoder crashed, or the machine had no memory, no
 * process or no file descriptor left.
 */
export class ExaminerEndedError extends Error {
  override readonly name = "ExaminerEndedError";
}

/** A process that decodes one image at a time. */
export type Examiner = {
  readonly pid: number | undefined;
  state(): "free" | "busy" | "ended";
  /** Rejects with the reason of `signal`, which ends the process, and with `ExaminerEndedError`. Only for one that is free. */
  examine(image: ExaminedImage, signal: AbortSignal): Promise<Examination>;
  /** CPU time that the process has used, in milliseconds. Undefined where the system does not tell it, or the process has ended. */
  cpuMs(): number | undefined;
  end(): void;
};

/**
 * Starts a process that decodes images. It is given nothing of the environment, where the providers' keys are. It ends with the program
 * that started it, and when it has been free for `idleMs`; only while it is busy does it keep that program from ending. Throws
 * `ExaminerEndedError`.
 */
export function startExaminer({ idleMs }: { idleMs: number }): Examiner {
  const child = forkExaminer();
  endFirst(child);
  let state: ReturnType<Examiner["state"]> = "free";
  let idleTimer: NodeJS.Timeout | undefined;

  function end(): void {
    state = "ended";
    clearTimeout(idleTimer);
    child.kill("SIGKILL");
  }
  function setBusy(isBusy: boolean): void {
    clearTimeout(idleTimer);
    if (state === "ended") return;
    state = isBusy ? "busy" : "free";
    for (const held of [child, child.channel]) {
      if (isBusy) held?.ref();
      else held?.unref();
    }
    if (!isBusy) idleTimer = setTimeout(end, idleMs).unref();
  }

  child.once("exit", end).on("error", end);
  setBusy(false);
  return {
    pid: child.pid,
    state: () => state,
    cpuMs: () => cpuMsOf(child),
    end,
    examine(image, signal) {
      return new Promise((resolve, reject) => {
        const onAnswer = (answer: Examination) => settle(() => resolve(answer));
        const onError = (error: Error) => settle(() => reject(new ExaminerEndedError(error.message, { cause: error })));
        const onExit = (code: number | null, killedBy: string | null) =>
          onError(new Error(`The process that decodes images ended (${killedBy ?? `exit code ${code}`}).`));
        const onAbort = () => {
          end();
          settle(() => reject(signal.reason));
        };
        function settle(how: () => void): void {
          signal.removeEventListener("abort", onAbort);
          child.off("message", onAnswer).off("error", onError).off("exit", onExit);
          setBusy(false);
          how();
        }
        setBusy(true);
        signal.addEventListener("abort", onAbort);
        child.on("message", onAnswer).on("error", onError).on("exit", onExit);
        // It could not be started, and has no channel. An "error" event says why.
        if (child.pid === undefined) return;
        child.send(image, (error) => {
          // Its channel is closed. How it ended says more than that, and "exit" follows.
          if (error !== null) end();
        });
      });
    },
  };
}

function forkExaminer(): ChildProcess {
  try {
    return fork(new URL("examine-process.ts", import.meta.url), {
      execArgv: [],
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
  } catch (cause) {
    throw new ExaminerEndedError("The process that decodes images could not be started.", { cause });
  }
}

/** Where memory runs out, Linux ends this process first. It would end the largest one, which may be the worker with all its calls. */
function endFirst({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // Another system, or one that does not allow it.
  }
}

/** Linux counts in hundredths of a second, whatever the kernel's own clock (`USER_HZ`). */
const msPerTick = 10;

/** Fields 14 and 15 of /proc/<pid>/stat (proc_pid_stat(5)): time in user and in kernel mode. The second field, a name, may have spaces. */
function cpuMsOf({ pid }: ChildProcess): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return undefined;
  }
}

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * Runs a program in our place: on our terminal, with our signals, until it ends.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env: NodeJS.ProcessEnv, channel?: boolean, sameSignal?: boolean }} options `channel`: for a Node program, an IPC channel
 * whose end tells it that we are gone, however we went; `sameSignal`: to end by the signal that ended the program, because a shell stops a
 * script at Ctrl-C only when it sees that
 * @returns {Promise<number>} its exit code; for a signal 128 + its number, as a shell does it
 */
export function foreground(command, args, { env, channel = false, sameSignal = false }) {
  const child = spawn(command, args, { env, stdio: ["inherit", "inherit", "inherit", channel ? "ipc" : "ignore"] });
  // On Ctrl-C the terminal signals the child as well as us; a second SIGINT would mean "at once" to it.
  const relay = signals.map((signal) => {
    const handler = () => void (signal !== "SIGINT" || !process.stdin.isTTY ? child.kill(signal) : undefined);
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  const watch = watchNpm(() => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const stop of relay) stop();
      clearInterval(watch);
      // No handler is left, so it ends us here.
      if (sameSignal && signal !== null) process.kill(process.pid, signal);
      resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]);
    });
  });
}

/**
 * npm runs us through a shell that does not pass every signal on, and a killed npm passes on none. When one of the two is gone, their
 * job is over and so is ours.
 * @param {() => void} onGone
 */
function watchNpm(onGone) {
  if (!process.env.npm_lifecycle_event) return undefined;
  const atStart = ancestors();
  return setInterval(() => {
    if (ancestors() !== atStart) onGone();
  }, 500).unref();
}

function ancestors() {
  return `${process.ppid} ${parentOf(process.ppid)}`;
}

/**
 * @param {number} pid
 * @returns {string | undefined} undefined where there is no /proc, as on macOS
 */
function parentOf(pid) {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

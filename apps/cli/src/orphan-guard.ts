import { spawn } from "node:child_process";

// `read` returns when the pipe to us closes, which the kernel sees to even after a SIGKILL or a crash. The group is asked to end first:
// Redis still writes its file, the worker still hands back its jobs.
const script = `
  read -r _
  kill -s TERM -- "-$1"
  for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -s 0 -- "-$1" || exit; done
  kill -s KILL -- "-$1"`;

/**
 * Sees to it that a process group does not outlive us, however we end.
 * @param groupId the pid of the group's leader
 * @returns a function that calls the guard off; to be called when the group has ended by itself, before its id is used again
 */
export function guardAgainstOrphan(groupId: number): () => void {
  const guard = spawn("/bin/sh", ["-c", script, "darkroom-guard", String(groupId)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  guard.on("error", () => {});
  guard.stdin.on("error", () => {});
  return () => {
    guard.kill("SIGKILL");
  };
}

import type { Redis } from "ioredis";

/**
 * Sends the commands of one turn of the event loop in one write. ioredis writes each command by itself. With 200 callers at a time a command
 * costs its process 0.4 times the CPU time with this patch, and 0.95 times with ioredis' own `enableAutoPipelining`, which collects whole
 * commands where only their bytes need to wait (`pnpm bench redis --scenario 1`).
 */
export function gatherWrites(redis: Redis): void {
  redis.on("connect", () => {
    const { stream } = redis;
    const write = stream.write.bind(stream);
    let gathering = false;
    // Assigned as it is: ioredis calls `write` with a command's bytes and nothing else.
    Reflect.set(stream, "write", (bytes: string | Uint8Array): boolean => {
      if (!gathering) {
        gathering = true;
        stream.cork();
        setImmediate(() => {
          gathering = false;
          stream.uncork();
        });
      }
      return write(bytes);
    });
  });
}

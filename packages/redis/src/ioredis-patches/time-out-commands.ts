import type { Redis } from "ioredis";

type Sending = Parameters<Redis["sendCommand"]>;
type Waiting = { command: Sending[0]; dueAtStep: number; sentAtMs: number };

/** Time is counted in steps of this length. One step is the error of a timeout. */
const stepMs = 100;

/** Redis did not answer a command in time. It may have been carried out all the same, or be carried out after a reconnect. */
export class CommandTimeoutError extends Error {
  override readonly name = "CommandTimeoutError";
  /** For how long this process did not come to read an answer meanwhile, in milliseconds. */
  readonly stalledMs: number;

  constructor(timeoutMs: number, stalledMs: number) {
    super(`Redis did not answer a command within ${timeoutMs} ms`);
    this.stalledMs = stalledMs;
  }
}

/**
 * Fails a command that Redis does not answer in time, counting only the time in which this process could have read the answer. ioredis'
 * own `commandTimeout` counts the time in which the event loop was busy, too: under load it failed thousands of commands that Redis had
 * answered, because a timer that is due goes before an answer that waits in the socket.
 */
export function timeOutCommands(redis: Redis, timeoutMs: number): void {
  const send = redis.sendCommand.bind(redis);
  const steps = Math.ceil(timeoutMs / stepMs);
  /** In the order in which they are due. */
  const waiting = new Set<Waiting>();
  /** ioredis sends a command again, by the same method, when it has reconnected. */
  const seen = new WeakSet<Sending[0]>();
  let step = 0;
  let timer: NodeJS.Timeout | undefined;

  function expire(): void {
    for (const entry of waiting) {
      if (entry.dueAtStep > step) break;
      waiting.delete(entry);
      const stalledMs = Math.max(0, performance.now() - entry.sentAtMs - timeoutMs);
      entry.command.reject(new CommandTimeoutError(timeoutMs, stalledMs));
    }
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  redis.sendCommand = (command, stream) => {
    const promise = send(command, stream);
    if (seen.has(command)) return promise;
    seen.add(command);
    // One step more, since the one that is under way is nearly over as likely as not.
    const entry = { command, dueAtStep: step + steps + 1, sentAtMs: performance.now() };
    waiting.add(entry);
    const settled = () => void waiting.delete(entry);
    command.promise.then(settled, settled);
    // However late a step is, it is one step. Answers that wait in the socket are read before what is due at it expires.
    timer ??= setInterval(() => {
      step++;
      setImmediate(expire);
    }, stepMs);
    return promise;
  };
}

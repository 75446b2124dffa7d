import type { Redis } from "ioredis";

type Sending = Parameters<Redis["sendCommand"]>;

/**
 * Lets at most `most` commands of a connection be on their way to Redis at a time. The others wait here, in their order. Redis executes all
 * commands that have arrived on a connection before it reads the next connection, so a process with a hundred jobs at a time makes all
 * other clients wait for a hundred scripts (`pnpm bench redis --scenario 2`). Pipelines and transactions are not limited: their callers
 * decide how long they are.
 */
export function limitInFlight(redis: Redis, most: number): void {
  const send = redis.sendCommand.bind(redis);
  const waiting: Sending[] = [];
  /** ioredis sends a command again, by the same method, when it was offline or has reconnected. */
  const begun = new WeakSet<Sending[0]>();
  let inFlight = 0;

  function begin(...[command, stream]: Sending) {
    inFlight++;
    begun.add(command);
    command.promise.then(makeRoom, makeRoom);
    return send(command, stream);
  }

  function makeRoom(): void {
    inFlight--;
    const sending = waiting.shift();
    if (sending !== undefined) begin(...sending);
  }

  redis.sendCommand = (command, stream) => {
    // What a connection says before it is ready must go ahead of all that waits for it, and what is asked of it by then ioredis keeps.
    if (stream !== undefined || begun.has(command) || redis.status !== "ready") return send(command, stream);
    if (inFlight < most) return begin(command, stream);
    waiting.push([command, stream]);
    return command.promise;
  };
}

import type { Redis } from "ioredis";

type Sending = Parameters<Redis["sendCommand"]>;

/**
 * Lets no more than `most` commands of a connection be on their way to Redis at a time; the others wait here, in their order. Redis does
 * all that has arrived on a connection before it looks at the next one, so that a process with a hundred jobs at a time makes everybody
 * wait for a hundred scripts. Pipelines and transactions are not held back: the code that sends them limits their length.
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

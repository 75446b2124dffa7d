import { z } from "zod";

/** An error as a log line may hold it. */
type SerializedError = {
  /** Its name: of its class as a rule. */
  type: string;
  message: string;
  /** Where it was made, without the message. Absent for replies of Redis: they are made where bytes are parsed. */
  stack?: string;
  cause?: unknown;
  errors?: unknown[];
  [fact: string]: unknown;
};

/** A message is a sentence or two. What is longer repeats what it was given. */
const maxMessageLength = 1_000;
/** Causes of causes, and errors of an `AggregateError`: more than that does not help. */
const maxDepth = 4;
const maxErrors = 5;

/** Facts that libraries and our own errors carry, none of which holds what a caller or an operator keeps secret. */
const factNames = [
  "code",
  "errno",
  "syscall",
  "address",
  "port",
  "hostname",
  "status",
  "statusCode",
  "retryable",
  "operation",
] as const;

/** What is to be done about an error; undefined where it is unknown. */
export type Advise = (error: Error) => string | undefined;

/**
 * Returns the one function that turns an error into what the log may hold. It takes over what is named here and nothing else: ioredis
 * adds the arguments of its command, which are prompts, tokens and passwords, undici and Node the input, and Redis' parser the bytes.
 */
export function createSerializeError(advise: Advise = () => undefined) {
  function serialize(thrown: unknown, depth: number): unknown {
    if (!(thrown instanceof Error)) return typeof thrown === "string" ? cut(thrown) : `A thrown ${typeof thrown}`;
    const advice = advise(thrown);
    const serialized: SerializedError = {
      type: thrown.name,
      message: describeError(thrown),
      ...factsOf(thrown),
      ...(advice !== undefined && { advice }),
    };
    if (!isReply(thrown)) serialized.stack = framesOf(thrown);
    if (depth >= maxDepth) return serialized;
    if (thrown.cause !== undefined) serialized.cause = serialize(thrown.cause, depth + 1);
    if (thrown instanceof AggregateError) {
      serialized.errors = thrown.errors.slice(0, maxErrors).map((error) => serialize(error, depth + 1));
    }
    return serialized;
  }

  return (thrown: unknown): unknown => serialize(thrown, 0);
}

/** The message of an error, without what some libraries quote in it. */
export function describeError(thrown: unknown): string {
  if (!(thrown instanceof Error)) return cut(String(thrown));
  // zod names the keys of what it read, and keys of metadata are their owner's words.
  if (thrown instanceof z.core.$ZodError) return describeIssues(thrown.issues);
  // V8 quotes the text around the fault, or all of a short one.
  if (thrown instanceof SyntaxError) return cut(thrown.message.replace(/"[^]*" (?=is not valid JSON)/, "the text "));
  // Redis repeats what it was sent where it does not know the command.
  if (isReply(thrown)) return cut(thrown.message.replace(/,? with args beginning with:[^]*/, ""));
  return cut(thrown.message);
}

/** A reply of Redis that is an error, which ioredis throws. */
const isReply = (error: Error): boolean => error.name === "ReplyError";

const cut = (text: string): string => (text.length > maxMessageLength ? `${text.slice(0, maxMessageLength)}…` : text);

/** How deep a path into a record goes before it comes to names that are not ours. */
const ownPathLength = 2;
const maxIssues = 5;

function describeIssues(issues: readonly z.core.$ZodIssue[]): string {
  const described = issues.slice(0, maxIssues).map(({ path, code }) => `${placeOf(path)}: ${code}`);
  return `${issues.length} faults: ${described.join("; ")}`;
}

const placeOf = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? "the whole" : path.slice(0, ownPathLength).map(String).join(".");

function factsOf(error: Error): Record<string, unknown> {
  const facts: Record<string, unknown> = {};
  for (const name of factNames) {
    const value: unknown = Reflect.get(error, name);
    if (typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && value !== "")) {
      facts[name] = typeof value === "string" ? value.slice(0, 100) : value;
    }
  }
  const command: unknown = Reflect.get(error, "command");
  if (typeof command === "object" && command !== null && "name" in command) facts["commandName"] = String(command.name);
  return facts;
}

/** The lines of a stack that say where. The message before them may have lines of any look. */
function framesOf({ stack = "", message }: Error): string {
  const at = message === "" ? 0 : stack.indexOf(message);
  const after = at === -1 ? "" : stack.slice(at + message.length);
  return after
    .split("\n")
    .filter((line) => /^ {4}at /.test(line))
    .join("\n");
}

import { maskKeys, printable, printableJson } from "@darkroom/contracts";
import { type DestinationStream, type LogFn, pino, type Logger as PinoLogger } from "pino";
import { prettyFactory } from "pino-pretty";
import { z } from "zod";
import { createLogDestination } from "./log-destination.ts";
import { createRepeatLimit } from "./limit-repeats.ts";
import { type Advise, createSerializeError, describeError } from "./serialize-error.ts";

/** What the parts of Darkroom need of a logger: a line is a sentence with fields. `createLogger` makes one, and a test may. */
export type Logger = Record<"debug" | "info" | "warn" | "error", (fields: object, sentence: string) => void>;

export type LoggerOptions = {
  /** The process that speaks: `api`, `worker`. */
  name: string;
  /** A pino level. Prompts appear at `debug` and below only. */
  level: string;
  /** Readable lines for a person's terminal instead of JSON. */
  pretty: boolean;
  /** Says what is to be done about an error, for its line. */
  advise?: Advise;
  /** Fields that every line has beside its own, such as the trace that it belongs to. Asked when a line is written. */
  fields?: (() => object) | undefined;
  /** Called for each line that is dropped because standard output is slow. */
  onDrop?: (() => void) | undefined;
  /** Where lines go, when not to standard output. */
  destination?: DestinationStream;
};

/**
 * A logger whose lines are a sentence with fields. Whatever may carry a secret is cut out here, for every caller: an error is written as
 * `createSerializeError` describes it, under whatever name it is passed. A warning that repeats is counted (`createRepeatLimit`). Lines
 * that standard output does not take in time are dropped (`createLogDestination`).
 */
export function createLogger(given: LoggerOptions): PinoLogger {
  const { name, level, pretty, advise, fields: shared, onDrop, destination } = given;
  const serialize = createSerializeError(advise);
  const limitRepeats = createRepeatLimit();
  // Readable lines hold the values as they are, not as JSON escapes them.
  const toPrint = pretty ? withPrintableValues : printableJson;
  const options = {
    name,
    level,
    redact: {
      paths: ["authorization", "*.authorization", "*.*.authorization", "apiKey", "*.apiKey", "cookie", "*.cookie"],
      censor: "[removed]",
    },
    // `formatters.log` has turned every error into an object by then, which pino's own serializer would read as an error again.
    serializers: { err: (err: unknown) => err },
    formatters: { log: (fields: Record<string, unknown>) => withErrorsSerialized(fields, serialize) },
    hooks: {
      logMethod(this: PinoLogger, args: Parameters<LogFn>, method: LogFn, levelNumber: number) {
        // Before repeats are counted: what is told of them later has the fields of the last, and not of the moment of telling.
        const own = withSentence(args);
        limitRepeats.call(this, shared === undefined ? own : withFields(shared(), own), method, levelNumber);
      },
      // Callers put keys and control characters where none belong, and paths, ids and prompts are logged.
      streamWrite: (line: string) => toPrint(maskUserInfo(maskKeys(line))),
    },
  };
  if (destination !== undefined) return pino(options, destination);
  const output = createLogDestination({
    onDrop: () => onDrop?.(),
    onDrain: (dropped) =>
      log.warn({ dropped }, `${dropped} log lines were dropped: standard output is read more slowly than lines come`),
  });
  const log: PinoLogger = pino(options, pretty ? prettified(output) : output);
  return log;
}

/** Lines for a person's terminal, one string each. In the same thread, so that they are bounded as all others. */
function prettified(output: DestinationStream): DestinationStream {
  const format = prettyFactory({ ignore: "pid,hostname", translateTime: "HH:MM:ss", colorize: true });
  return { write: (line) => output.write(format(line)) };
}

/** The arguments of a line with more fields. A field of the line itself comes first. */
function withFields(more: object, args: Parameters<LogFn>): Parameters<LogFn> {
  const [first, sentence]: unknown[] = args;
  if (typeof first === "string") return [more, first];
  return [{ ...more, ...Object(first) }, ...(typeof sentence === "string" ? [sentence] : [])];
}

/** pino takes the message of an error for the sentence where there is none, as it stands. */
function withSentence(args: Parameters<LogFn>): Parameters<LogFn> {
  const [fields, sentence]: unknown[] = args;
  if (fields instanceof Error)
    return [{ err: fields }, typeof sentence === "string" ? sentence : describeError(fields)];
  if (sentence !== undefined || typeof fields !== "object" || fields === null || !("err" in fields)) return args;
  return [fields, describeError(fields.err)];
}

function withErrorsSerialized(fields: Record<string, unknown>, serialize: (error: unknown) => unknown) {
  let serialized: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(fields)) {
    const errors = value instanceof Error || name === "err" ? value : undefined;
    const list = Array.isArray(value) && value.some((item) => item instanceof Error);
    if (errors === undefined && !list) continue;
    serialized ??= { ...fields };
    serialized[name] = list ? value.map(serialize) : serialize(value);
  }
  return serialized ?? fields;
}

/** A line of which no value holds anything that a terminal obeys. A stack keeps its lines: `framesOf` has chosen them. */
function withPrintableValues(line: string): string {
  const fields: unknown = JSON.parse(line, (name, value: unknown) =>
    typeof value === "string" && name !== "stack" ? printable(value) : value,
  );
  return `${JSON.stringify(fields)}\n`;
}

/** The user and the password in a URL, `redis://user:password@host`. */
const maskUserInfo = (line: string): string => line.replaceAll(/(\w:\/\/)[^\s/?#"\\]*@/g, "$1…@");

/** The environment variables of every process that logs. */
export const logEnvSchema = z.object({
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("The lowest level that is logged. Prompts appear at `debug` only."),
});

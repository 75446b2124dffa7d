import { maskKeys } from "@darkroom/contracts";
import { pino, type Logger } from "pino";

export type { Logger };

export type LoggerOptions = {
  /** The process that speaks: `api`, `worker`. */
  name: string;
  /** A pino level. Prompts appear at `debug` and below only. */
  level: string;
  /** Readable lines for a person's terminal instead of JSON. */
  pretty: boolean;
};

/** A logger whose lines are a sentence with fields. Whatever may carry a secret is cut out here, whoever logs it. */
export function createLogger({ name, level, pretty }: LoggerOptions): Logger {
  return pino({
    name,
    level,
    redact: {
      paths: ["authorization", "*.authorization", "*.*.authorization", "apiKey", "*.apiKey", "cookie", "*.cookie"],
      censor: "[removed]",
    },
    // Callers put keys where none belong, and paths, ids and prompts are logged.
    hooks: { streamWrite: maskKeys },
    ...(pretty && {
      transport: { target: "pino-pretty", options: { ignore: "pid,hostname", translateTime: "HH:MM:ss" } },
    }),
  });
}

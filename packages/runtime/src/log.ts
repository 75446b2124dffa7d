/** What the queue needs of a logger: pino's shape, a sentence with fields. */
export type Log = Record<"debug" | "info" | "warn" | "error", (fields: object, sentence: string) => void>;

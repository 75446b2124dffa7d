export { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
export { logEnvSchema } from "./log-env-schema.ts";
export { type Advise, describeError } from "./serialize-error.ts";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics.ts";

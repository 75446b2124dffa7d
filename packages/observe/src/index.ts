export { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
export { logEnvSchema } from "./log-env-schema.ts";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics.ts";

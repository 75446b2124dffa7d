export { type Backoff, createBackoff } from "./backoff.ts";
export { type CloseList, createCloseList, type ProcessLife, runProcess } from "./run-process.ts";
export { createFreshReading } from "./fresh-reading.ts";
export { type Environment, readSettings, SettingsError, wholeNumber, readOrExit } from "./read-settings.ts";
export { logEnvSchema, createLogger, type Logger } from "./logger.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export type { Sample } from "./scraped-gauge.ts";
export type { TenantAmounts } from "./tenant-gauge.ts";
export { createTicker } from "./ticker.ts";

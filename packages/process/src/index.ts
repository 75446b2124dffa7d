export { type CloseList, createCloseList } from "./close-list.ts";
export type { Environment } from "./environment.ts";
export { readSettings } from "./read-settings.ts";
export { runProcess } from "./run-process.ts";
export { SettingsError } from "./settings-error.ts";

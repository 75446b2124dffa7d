export type { Environment } from "./environment.ts";
export { readSettings } from "./read-settings.ts";
export { SettingsError } from "./settings-error.ts";
export { wholeNumber } from "./whole-number.ts";

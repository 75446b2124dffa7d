/**
 * The Lua by which an API key is charged, to be put before the scripts that move a generation: `now`, `admit`, `told_window`, `count_queued`,
 * `settle`, `read_bill` and `enter`. They must run in the script that does the move, and nowhere else.
 */
export const accountScripts: readonly URL[] = ["now", "calendar", "window", "account", "ledger"].map(
  (file) => new URL(`scripts/${file}.lua`, import.meta.url),
);

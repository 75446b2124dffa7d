const script = (name: string): URL => new URL(`scripts/${name}.lua`, import.meta.url);

/**
 * The Lua by which an API key is charged, to be put before the scripts that move a generation. It must run in the script that does the
 * move, and nowhere else. Each script gets what it needs and no more: every function is made anew at every run, a quarter of a
 * microsecond each.
 */
export const accountScripts = {
  /** `now`. */
  clock: [script("now")],
  /** `now`, `under_way`. */
  audit: [script("now"), script("under-way")],
  /** `now`, `count_queued`, `under_way`. */
  counting: ["now", "queued", "under-way"].map(script),
  /** `now`, `count_queued`, `is_stopped`, and what `settlement` has: what is not to be begun ends. */
  start: ["now", "queued", "stopped", "calendar", "account", "under-way", "settlement", "ledger", "undelivered"].map(
    script,
  ),
  /** `now`, `count_window`. */
  window: [script("now"), script("window")],
  /** `now`, `under_way`, `admit`, `told_window`. */
  admission: ["now", "calendar", "window", "account", "under-way", "admission"].map(script),
  /** `now`, `calendar`, `under_way`, `settle`, `read_bill`, `enter`, `bill_nothing`. */
  settlement: ["now", "calendar", "account", "under-way", "settlement", "ledger", "undelivered"].map(script),
  /** `now`, `read_account`. */
  usage: ["now", "calendar", "account"].map(script),
} as const satisfies Record<string, readonly URL[]>;

export type AccountScripts = keyof typeof accountScripts;

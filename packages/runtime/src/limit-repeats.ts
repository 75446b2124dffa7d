import type { LogFn, Logger } from "pino";

/** How often repeats are told, in milliseconds: an outage of an hour is sixty lines for each sentence. */
const tellEveryMs = 60_000;

/** Of how many generations, say, a warning names each by itself in that time. An outage concerns thousands. */
const namedInATime = 10;

/** pino's number for `warn`. */
const warn = 40;

/** What a line may be about: two of the same are one repeat, two others are not. */
const subjects = ["generationId", "batchId", "webhookId", "fileId", "job", "requestId"] as const;

type Repeats = { about: Set<string>; untold: number; tellLast: () => void };

/**
 * Returns pino's `logMethod` hook that writes a warning about an error once, counts its repeats, and tells their number once a minute,
 * with the fields of the last of them. The same warning is the same sentence with the same reason. Loops meet one refusal again and
 * again, each for many generations, and a log of thousands of lines a second hides what it says and fills a disk. Lines of level `error`
 * are all written: each is about something of its own that an operator has to look at.
 */
export function createRepeatLimit() {
  const known = new Map<string, Repeats>();

  function tellLater(key: string): void {
    setTimeout(() => {
      const repeats = known.get(key);
      known.delete(key);
      if (repeats === undefined || repeats.untold === 0) return;
      // The next minute begins with what is told now, so that an outage goes on in one line a minute.
      known.set(key, { ...repeats, untold: 0 });
      repeats.tellLast();
      tellLater(key);
    }, tellEveryMs).unref();
  }

  return function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
    const [fields, sentence]: unknown[] = args;
    const reason = level === warn ? reasonOf(fields) : undefined;
    if (reason === undefined || typeof sentence !== "string") {
      method.apply(this, args);
      return;
    }

    const key = `${sentence}\n${reason}`;
    let repeats = known.get(key);
    if (repeats === undefined) {
      repeats = { about: new Set(), untold: 0, tellLast: () => {} };
      known.set(key, repeats);
      tellLater(key);
    }
    const subject = subjectOf(Object(fields));
    if (!repeats.about.has(subject) && repeats.about.size < namedInATime) {
      repeats.about.add(subject);
      method.apply(this, args);
      return;
    }
    const { untold } = repeats;
    repeats.untold = untold + 1;
    repeats.tellLast = () => method.call(this, { ...Object(fields), repeats: untold + 1 }, `${sentence} (repeated)`);
  };
}

const subjectOf = (fields: Record<string, unknown>): string =>
  subjects
    .map((name) => fields[name])
    .find((id) => typeof id === "string")
    ?.toString() ?? "";

/** Why an error is another than the last: its code, what Redis calls it, or its class. Not its message, which may name what it is about. */
function reasonOf(fields: unknown): string | undefined {
  if (typeof fields !== "object" || fields === null || !("err" in fields) || fields.err === undefined) return undefined;
  const { err } = fields;
  if (!(err instanceof Error)) return typeof err;
  if ("code" in err && typeof err.code === "string") return err.code;
  return err.name === "ReplyError" ? err.message.split(" ", 1)[0] : err.constructor.name;
}

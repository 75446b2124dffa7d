import { printable } from "@darkroom/contracts";

/** pino's number for `warn`. */
const warnLevel = 40;

/**
 * What of a child's log belongs on the terminal: warnings and worse, as "api: the sentence"; and whatever is no log line at all, for
 * that is how a crash looks. Everything is in the log file. Nothing of it moves the cursor or forges a line.
 */
export function echoLine(name: string, line: string): string | undefined {
  const entry = parse(line);
  if (entry === undefined) return line.trim() === "" ? undefined : `${name}: ${printable(line)}`;
  return entry.level >= warnLevel ? `${name}: ${printable(entry.message)}` : undefined;
}

function parse(line: string): { level: number; message: string } | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("level" in entry) || typeof entry.level !== "number")
      return undefined;
    return { level: entry.level, message: "msg" in entry && typeof entry.msg === "string" ? entry.msg : line };
  } catch {
    return undefined;
  }
}

/** An api that answers, and is not ready this long after its first answer, may say why in its warnings. */
const holdMs = 10_000;

/**
 * Keeps lines back until `release` is called: what is said once about the start stands below the address. Where the api
 * answers that it is not ready, the lines are told ten seconds later, because they may say why. How long Node takes to load it says nothing of that.
 */
export function holdLines(say: (line: string) => void) {
  let held: string[] | undefined = [];
  let timer: NodeJS.Timeout | undefined;
  const release = () => {
    clearTimeout(timer);
    for (const line of held ?? []) say(line);
    held = undefined;
  };
  return {
    say: (line: string) => {
      if (held === undefined) say(line);
      else held.push(line);
    },
    /** Says that the api has answered, and is not ready. */
    answeredNotReady: (): void => {
      timer ??= setTimeout(release, holdMs);
    },
    release,
  };
}

/** pino's number for `warn`. */
const warnLevel = 40;

/**
 * What of a child's log belongs on the terminal: warnings and worse, as "api: the sentence"; and whatever is no log line at all, for
 * that is how a crash looks. Everything is in the log file.
 */
export function echoLine(name: string, line: string): string | undefined {
  const entry = parse(line);
  if (entry === undefined) return line.trim() === "" ? undefined : `${name}: ${line}`;
  return entry.level >= warnLevel ? `${name}: ${entry.message}` : undefined;
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

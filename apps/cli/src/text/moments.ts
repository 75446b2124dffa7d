import { InvalidArgumentError } from "@commander-js/extra-typings";
import { z } from "zod";

const secondsOf = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3_600],
  ["d", 86_400],
  ["w", 604_800],
]);

/** `24h`, `30d` and the like, in seconds. */
export function parseDuration(text: string): number {
  const seconds = readDuration(text);
  if (seconds === undefined) throw new InvalidArgumentError("A time looks like 90s, 15m, 24h, 30d or 2w.");
  return seconds;
}

/**
 * A moment in Unix seconds: from now on (`30d`), a day of UTC with which it ends (`2026-12-31`), or a time with its zone
 * (`2026-12-31T18:00:00Z`).
 */
export function parseMoment(text: string): number {
  const duration = readDuration(text);
  if (duration !== undefined) return Math.floor(Date.now() / 1000) + duration;
  if (z.iso.date().safeParse(text).success) return Date.parse(`${text}T23:59:59Z`) / 1000;
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return Math.floor(Date.parse(text) / 1000);
  throw new InvalidArgumentError("A moment looks like 30d, 2026-12-31 or 2026-12-31T18:00:00Z.");
}

/** A day of UTC, as the ledger counts them. */
export function parseDay(text: string): string {
  if (z.iso.date().safeParse(text).success) return text;
  throw new InvalidArgumentError("A day looks like 2026-12-31.");
}

/** Unix seconds as a person reads them: `2026-12-31 23:59 UTC`. */
export function formatMoment(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function readDuration(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([a-z])$/.exec(text) ?? [];
  const seconds = secondsOf.get(unit);
  return seconds === undefined ? undefined : Number(count) * seconds;
}

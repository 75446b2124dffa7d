const dayMs = 86_400_000;

/** The UTC day, `2026-11-22`, of a time in Unix milliseconds. */
export const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);

/** The day that is so many days after another, or before it for a negative number. */
export const addDays = (day: string, days: number): string => dayOf(Date.parse(day) + days * dayMs);

/** The days from the first to the last, both included; none where the first is after the last. */
export function daysFrom(first: string, last: string): string[] {
  const count = Math.max((Date.parse(last) - Date.parse(first)) / dayMs + 1, 0);
  return Array.from({ length: count }, (_, i) => addDays(first, i));
}

import { hash } from "node:crypto";

/**
 * Remembers which line had which `custom_id`. It keeps their SHA-256, so that 50,000 ids of 512 characters take no more memory than
 * short ones, about 5 MB. No two texts with the same SHA-256 are known.
 */
export function createSeenIds() {
  const lines = new Map<string, number>();
  return {
    /** Notes the id of a line. Returns the line that had it before, or null. */
    note(customId: string, line: number): number | null {
      const key = hash("sha256", customId, "latin1");
      const before = lines.get(key);
      if (before !== undefined) return before;
      lines.set(key, line);
      return null;
    },
  };
}

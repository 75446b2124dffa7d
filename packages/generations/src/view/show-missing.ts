import type { MissingImage } from "@darkroom/contracts";

/** Which images did not come, and why, as their owner is told: a field that is there only where one is missing. */
export const showMissing = (missing: readonly MissingImage[]): { missing?: MissingImage[] } =>
  missing.length === 0 ? {} : { missing: missing.map(({ index, code, message }) => ({ index, code, message })) };

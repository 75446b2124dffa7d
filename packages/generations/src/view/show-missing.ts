import type { MissingImage } from "@darkroom/contracts";

/** The missing images and their reasons, for their owner. The field is absent where no image is missing. */
export const showMissing = (missing: readonly MissingImage[]): { missing?: MissingImage[] } =>
  missing.length === 0 ? {} : { missing: missing.map(({ index, code, message }) => ({ index, code, message })) };

import { type Catalogue, readNotedCatalogue } from "@darkroom/models";
import type { BatchRecord } from "./records/batch-record.ts";
import type { BatchStore } from "./records/batch-store.ts";
import type { Logger } from "@darkroom/runtime";

/** Answers the catalogue that a batch was accepted by. */
export type CatalogueOf = (batch: Pick<BatchRecord, "id" | "catalogue">) => Promise<Catalogue>;

export type CatalogueOfOptions = {
  batches: Pick<BatchStore, "readCatalogue">;
  /** The catalogue for batches that name none, as those of older releases, and for those whose catalogue Redis has lost. */
  own: Catalogue;
  log: Pick<Logger, "warn">;
};

/** More than the catalogues of api processes that run at the same time with different releases and settings. */
const mostKept = 8;

/**
 * Returns the function that answers the catalogue by which the api accepted a batch. Its lines are checked, priced and shown by that one,
 * whatever the worker's own is. Throws `CatalogueError` where a newer release has stored a catalogue that this release cannot read;
 * another worker may be able to.
 */
export function createCatalogueOf({ batches, own, log }: CatalogueOfOptions): CatalogueOf {
  const kept = new Map<string, Catalogue>();
  return async ({ id, catalogue: sha256 }) => {
    if (sha256 === null) return own;
    const known = kept.get(sha256);
    if (known !== undefined) return known;
    const noted = await batches.readCatalogue(sha256);
    if (noted === null) {
      log.warn({ batchId: id }, "The catalogue that a batch was accepted by is lost; this worker's own serves it");
      return own;
    }
    const catalogue = readNotedCatalogue(noted);
    if (kept.size >= mostKept) kept.clear();
    kept.set(sha256, catalogue);
    return catalogue;
  };
}

import { type Catalogue, readNotedCatalogue } from "@darkroom/models";
import type { BatchRecord } from "./records/batch-record.ts";
import type { BatchStore } from "./records/batch-store.ts";
import type { Logger } from "@darkroom/runtime";

/** Answers the catalogue that a batch was accepted by. */
export type CatalogueOf = (batch: Pick<BatchRecord, "id" | "catalogue">) => Promise<Catalogue>;

export type CatalogueOfOptions = {
  batches: Pick<BatchStore, "readCatalogue">;
  /** Serves batches that name no catalogue, as those of older releases do, and those whose catalogue Redis has lost. */
  own: Catalogue;
  log: Pick<Logger, "warn">;
};

/** More than api processes of different releases and settings run at a time. */
const mostKept = 8;

/**
 * Returns the function that answers the catalogue by which the api accepted a batch: its lines are checked, priced and told by that,
 * whatever the worker is configured with. Throws `CatalogueError` where a newer release has noted what this one does not know: another
 * worker may know it.
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

import type { ObjectStore } from "@darkroom/storage";
import type { Logger } from "@darkroom/runtime";

/**
 * Warns where a bucket or a CDN gives everybody more than images: the ledger, uploaded files and the results of batches lie beside them. Only
 * images may be public, and all of them are below `_images/`. What cannot be found out is no reason not to start.
 */
export async function warnOfPublicObjects(
  objects: Pick<ObjectStore, "publicAddresses">,
  log: Pick<Logger, "warn">,
): Promise<void> {
  try {
    for (const address of await objects.publicAddresses()) {
      log.warn(
        { address },
        `Anybody can read the ledger and the files of all tenants at ${address}. Make only what is below _images/ public: docs/configuration.md has the policy.`,
      );
    }
  } catch (error) {
    log.warn({ err: error }, "Whether the object store is open to everybody could not be found out");
  }
}

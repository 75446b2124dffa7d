import { quoteValue } from "@darkroom/contracts";
import { type Catalogue, missingPrices } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";

/**
 * Warns in one line of the models whose prices have gaps. Only the api warns, because it notes the prices by which a request is billed. The
 * missing prices of each model are a field of the line.
 */
export function warnOfMissingPrices(catalogue: Pick<Catalogue, "models">, log: Pick<Logger, "warn">): void {
  const missing = missingPrices(catalogue);
  const models = Object.keys(missing).map(quoteValue);
  if (models.length === 0) return;
  log.warn(
    { missing },
    `Some prices or all are missing for ${models.join(", ")}: what has none is drawn without a known cost, and refused to keys with a budget. Set them in MODELS_FILE, as docs/models.md tells under "Prices".`,
  );
}

/**
 * Warns in one line of retired models without a replacement that draws for them. The successor of each is a field of the line.
 */
export function warnOfRetiredModels({ models }: Pick<Catalogue, "models">, log: Pick<Logger, "warn">): void {
  const retired = models.flatMap(({ id, retired: since }) => (since === undefined ? [] : [[id, since] as const]));
  if (retired.length === 0) return;
  log.warn(
    { retired: Object.fromEntries(retired) },
    `Their makers have switched off ${retired.map(([id]) => quoteValue(id)).join(", ")}: the provider refuses them. RETIRED_MODELS=successor draws with what followed, and upstream.model in MODELS_FILE with a model of your choice, as docs/models.md tells under "Retired models".`,
  );
}

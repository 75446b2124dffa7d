import { quoteValue } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";

/**
 * Warns in one line of the models that their makers have switched off and that nothing else draws for. What each is followed by is a
 * field of the line.
 */
export function warnOfRetiredModels({ models }: Pick<Catalogue, "models">, log: Pick<Logger, "warn">): void {
  const retired = models.flatMap(({ id, retired: since }) => (since === undefined ? [] : [[id, since] as const]));
  if (retired.length === 0) return;
  log.warn(
    { retired: Object.fromEntries(retired) },
    `Their makers have switched off ${retired.map(([id]) => quoteValue(id)).join(", ")}: the provider refuses them. RETIRED_MODELS=successor draws with what followed, and upstream.model in MODELS_FILE with a model of your choice, as docs/models.md tells under "Retired models".`,
  );
}

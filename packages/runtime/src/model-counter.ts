import { Counter, type Registry } from "prom-client";

/** More than any catalogue has. Each name is a series that a process keeps, and that Prometheus keeps for weeks. */
const mostModels = 200;

/**
 * A counter by model. Where an operator serves models that the catalogue does not know, callers make up names, and their number has no
 * bound: those after the first two hundred of a process are counted together, as `other`.
 */
export function createModelCounter(name: string, help: string, registry: Registry) {
  const counter = new Counter({ name, help, labelNames: ["model"], registers: [registry] });
  const models = new Set<string>();
  return {
    inc({ model }: { model: string }, value = 1): void {
      if (models.size < mostModels) models.add(model);
      counter.inc({ model: models.has(model) ? model : "other" }, value);
    },
  };
}

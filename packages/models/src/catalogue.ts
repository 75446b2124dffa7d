import type { z } from "zod";
import type { modelSchema } from "./model-schema.ts";

type ModelEntry = z.output<typeof modelSchema>;

/** A model that its maker has switched off. */
export type Retirement = {
  /** The day, `YYYY-MM-DD` in UTC. */
  since: string;
  /** What its maker names in its place. */
  successor?: string | undefined;
};

/** A served model: its entry in the catalogue, its id, and the id by which its provider knows it. */
export type CatalogueModel = Omit<ModelEntry, "upstream"> & {
  id: string;
  upstream: Omit<ModelEntry["upstream"], "model"> & {
    model: string;
    /** The sizes of the catalogue's model that draws in its place, where another one does. */
    sizes?: ModelEntry["sizes"] | undefined;
    /** The catalogue's model that draws in place of this retired one. */
    successor?: string | undefined;
  };
  /** Where its maker has switched it off, and it is asked for all the same. */
  retired?: Retirement;
};

/** As it stands today: the day that a model is switched off may come while a process runs. */
export type Catalogue = {
  /** In the order of the files: built in first, then the operator's own. */
  models: readonly CatalogueModel[];
  /** What serves a request without `model`. */
  defaultModel: CatalogueModel;
  /** All of it as text, for `readNotedCatalogue`: another process serves the same models by it. */
  noted: string;
  /** The model of this id, alias or snapshot. */
  find(idOrAlias: string): CatalogueModel | undefined;
};

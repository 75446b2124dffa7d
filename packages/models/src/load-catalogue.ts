import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { CatalogueError, type Mistake, tellMistakes } from "./mistake.ts";
import { checkCatalogue, otherNamesOf } from "./check-catalogue.ts";
import { withLikes } from "./like.ts";
import { mergePatch } from "./merge-patch.ts";
import { modelNameSchema } from "./model-schema.ts";
import { createRetiring, retiredModels, type RetiredModels } from "./retirement.ts";
import { readYaml } from "./yaml-file.ts";

export type LoadCatalogueOptions = {
  /** Path of the operator's YAML or JSON file, laid over the built-in models. Without it, those alone. */
  file?: string | undefined;
  /** What becomes of a request for a model that its maker has switched off. Its upstream is asked, when left out. */
  retired?: RetiredModels | undefined;
  /** The time, in Unix milliseconds: by it a model is retired. */
  now?: (() => number) | undefined;
  /** The model of which every model that the catalogue does not know has the sizes, parameters and rules. Without one, none is served. */
  unknownLike?: string | undefined;
};

/**
 * The models that are served: the built-in ones, with the operator's file over them (`docs/models.md`).
 * Throws `CatalogueError` with every mistake in the file, each with line, column and reason.
 */
export function loadCatalogue({
  file,
  retired = "pass",
  now = Date.now,
  unknownLike,
}: LoadCatalogueOptions = {}): Catalogue {
  const builtIn = readYaml("catalogue.yaml", readFileSync(new URL("catalogue.yaml", import.meta.url), "utf8"));
  const top = file === undefined ? builtIn : readYaml(file, textOf(file));
  if (top.mistakes.length > 0) throw new CatalogueError(top.mistakes);
  const merged = top === builtIn ? builtIn.value : mergePatch(builtIn.value, top.value);
  const liked = withLikes(merged, top.value);
  const { models, defaultModel, mistakes } = checkCatalogue(liked.catalogue);
  // A model that is like no other lacks most of what it needs, which is no news.
  const isNews = ({ path: [, id] }: Mistake) => !liked.mistakes.some(({ path }) => path[1] === id);
  const wrong = [...liked.mistakes, ...mistakes.filter(isNews)];
  if (wrong.length > 0) throw new CatalogueError(tellMistakes(wrong, top));

  return servedCatalogue({ models, defaultModel }, { catalogue: liked.catalogue, retired, unknownLike }, now);
}

/**
 * The same models as they were noted (`Catalogue.noted`), by this process or another. Throws `CatalogueError` where a newer release has
 * noted what this one does not know.
 */
export function readNotedCatalogue(noted: string, now: () => number = Date.now): Catalogue {
  const { catalogue, retired, unknownLike } = notedSchema.parse(JSON.parse(noted));
  const { models, defaultModel, mistakes } = checkCatalogue(catalogue);
  if (mistakes.length > 0) {
    throw new CatalogueError(mistakes.map(({ path, reason }) => `${path.map(String).join(".")}: ${reason}`));
  }
  return servedCatalogue({ models, defaultModel }, { catalogue, retired, unknownLike }, now);
}

const notedSchema = z.strictObject({
  catalogue: z.unknown(),
  retired: z.enum(retiredModels),
  unknownLike: z.string().optional(),
});

/** A checked catalogue as it is served. `noted` is what it was made of. */
function servedCatalogue(
  { models, defaultModel }: { models: CatalogueModel[]; defaultModel: string },
  noted: z.output<typeof notedSchema>,
  now: () => number,
): Catalogue {
  const { retired, unknownLike } = noted;
  const byName = new Map(
    models.flatMap((model) => [model.id, ...otherNamesOf(model)].map((name) => [name, model] as const)),
  );
  const fallback = byName.get(defaultModel);
  if (fallback === undefined) throw new Error("a checked catalogue has its default model");
  const ofUnknown = unknownLike === undefined ? undefined : byName.get(unknownLike);
  if (ofUnknown === undefined && unknownLike !== undefined) {
    throw new CatalogueError([
      `UNKNOWN_MODELS: expected like:<model>, of a model or an alias, got 'like:${unknownLike}'`,
    ]);
  }
  const serve = createRetiring(retired, (name) => byName.get(name));
  const served = ofDay(now, (today) => new Map(models.map((model) => [model.id, serve(model, today)])));
  const servedAs = (model: CatalogueModel) => served().get(model.id) ?? model;
  return {
    noted: JSON.stringify(noted),
    get models() {
      return [...served().values()];
    },
    get defaultModel() {
      return servedAs(fallback);
    },
    find(name) {
      const model = byName.get(name);
      if (model !== undefined) return servedAs(model);
      return ofUnknown && modelNameSchema.safeParse(name).success ? anotherLike(ofUnknown, name) : undefined;
    },
  };
}

/** An undescribed model: its cost is unknown. */
const anotherLike = (model: CatalogueModel, id: string): CatalogueModel => ({
  ...model,
  id,
  description: "",
  aliases: [],
  snapshots: [],
  upstream: { model: id, parameters: {} },
  prices: {},
  providerPrices: undefined,
  released: undefined,
  sunset: undefined,
  successor: undefined,
});

/** What is made of a day (`YYYY-MM-DD` in UTC), once a day. */
function ofDay<T>(now: () => number, make: (today: string) => T): () => T {
  let made: { day: string; value: T } | undefined;
  return () => {
    const day = new Date(now()).toISOString().slice(0, 10);
    if (made?.day !== day) made = { day, value: make(day) };
    return made.value;
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CatalogueError([`${file}: cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

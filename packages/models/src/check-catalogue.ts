import { z } from "zod";
import type { CatalogueModel } from "./catalogue.ts";
import { roundFrom } from "./like.ts";
import { explain, type Mistake } from "./mistake.ts";
import { modelNameSchema, modelSchema } from "./model-schema.ts";
import { isPlainObject, type PlainObject } from "./merge-patch.ts";
import type { Path } from "./yaml-file.ts";

type Checked = { models: CatalogueModel[]; defaultModel: string; mistakes: Mistake[] };

const catalogueSchema = z.strictObject({
  defaultModel: z.string(),
  models: z.custom<PlainObject>(isPlainObject, { error: "expected a map of models" }),
});

/** Checks a whole catalogue as plain data. Goes on after a mistake, so that all of them are told at once. */
export function checkCatalogue(data: unknown): Checked {
  const top = catalogueSchema.safeParse(data, { reportInput: true });
  const mistakes = top.success ? [] : top.error.issues.flatMap((issue) => explain(issue, []));
  const { defaultModel, models: entries } = isPlainObject(data) ? data : {};
  const ids = isPlainObject(entries) ? Object.keys(entries) : [];
  const models: CatalogueModel[] = [];
  for (const [id, entry] of isPlainObject(entries) ? Object.entries(entries) : []) {
    const path = ["models", id];
    const name = modelNameSchema.safeParse(id, { reportInput: true });
    if (!name.success) mistakes.push(...name.error.issues.flatMap((issue) => explain(issue, path, { atKey: true })));
    const model = modelSchema.safeParse(entry, { reportInput: true });
    if (!model.success) mistakes.push(...model.error.issues.flatMap((issue) => explain(issue, path)));
    else
      models.push({ ...model.data, id, upstream: { ...model.data.upstream, model: model.data.upstream.model ?? id } });
  }
  mistakes.push(...checkNames(models, ids));
  const names = new Set([...ids, ...models.flatMap(otherNamesOf)]);
  mistakes.push(...checkSuccessors(models, names));
  if (typeof defaultModel === "string" && isPlainObject(entries) && !names.has(defaultModel)) {
    const reason = `expected a model or an alias, got '${defaultModel}'; the models are ${ids.map((id) => `'${id}'`).join(", ")}`;
    mistakes.push({ path: ["defaultModel"], reason });
  }
  return {
    models: models.map((model) => withUpstreamSizes(model, models)),
    defaultModel: String(defaultModel),
    mistakes,
  };
}

/** A successor is another model, and a chain of successors has an end. */
function checkSuccessors(models: readonly CatalogueModel[], names: ReadonlySet<string>): Mistake[] {
  return models.flatMap(({ id, successor }) => {
    const path = ["models", id, "successor", "model"];
    if (successor === undefined) return [];
    if (!names.has(successor.model))
      return [{ path, reason: `expected a model or an alias, got '${successor.model}'` }];
    const round = roundFrom(id, (name) => {
      const next = modelOf(models, name)?.successor;
      return next && modelOf(models, next.model)?.id;
    });
    return round === undefined ? [] : [{ path, reason: `the successors go round: ${round.join(", ")}` }];
  });
}

const modelOf = (models: readonly CatalogueModel[], name: string) =>
  models.find((model) => [model.id, ...otherNamesOf(model)].includes(name));

/** The names of a model besides its id. */
export const otherNamesOf = ({ aliases, snapshots }: CatalogueModel): string[] => [...aliases, ...snapshots];

/** Notes which sizes a model may come to that another model of the catalogue draws for. */
function withUpstreamSizes(model: CatalogueModel, models: readonly CatalogueModel[]): CatalogueModel {
  const { upstream } = model;
  const drawing = modelOf(models, upstream.model);
  if (drawing === undefined || drawing.id === model.id) return model;
  return { ...model, upstream: { ...upstream, sizes: drawing.sizes } };
}

/** A name means one model: an alias or a snapshot is not the id or the name of another model. */
function checkNames(models: readonly CatalogueModel[], ids: readonly string[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const owners = new Map<string, Path>();
  for (const { id, aliases, snapshots } of models) {
    const named = Object.entries({ aliases, snapshots }).flatMap(([key, names]) =>
      names.map((name, index) => [name, ["models", id, key, index]] as const),
    );
    for (const [alias, path] of named) {
      const rival = ids.includes(alias) ? ["models", alias] : owners.get(alias);
      const reason = `the name '${alias}' is taken twice, as ${path.join(".")} and as ${rival?.map(String).join(".")}`;
      if (rival === undefined) owners.set(alias, path);
      else mistakes.push({ path, rival, reason });
    }
  }
  return mistakes;
}

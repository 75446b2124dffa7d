import { z } from "zod";
import type { CatalogueModel } from "./catalogue.ts";
import { explain, type Mistake } from "./mistake.ts";
import { modelNameSchema, modelSchema } from "./model-schema.ts";
import { isPlainObject, type PlainObject } from "./plain-object.ts";
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
    if (!name.success) mistakes.push(...name.error.issues.flatMap((issue) => explain(issue, path, true)));
    const model = modelSchema.safeParse(entry, { reportInput: true });
    if (!model.success) mistakes.push(...model.error.issues.flatMap((issue) => explain(issue, path)));
    else
      models.push({ ...model.data, id, upstream: { ...model.data.upstream, model: model.data.upstream.model ?? id } });
  }
  mistakes.push(...checkNames(models, ids));
  const names = [...ids, ...models.flatMap(({ aliases }) => aliases)];
  if (typeof defaultModel === "string" && isPlainObject(entries) && !names.includes(defaultModel)) {
    const reason = `expected a model or an alias, got '${defaultModel}'; the models are ${ids.map((id) => `'${id}'`).join(", ")}`;
    mistakes.push({ path: ["defaultModel"], reason });
  }
  return { models, defaultModel: String(defaultModel), mistakes };
}

/** A name means one model: an alias is nobody's id and nobody else's alias. */
function checkNames(models: readonly CatalogueModel[], ids: readonly string[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const owners = new Map<string, Path>();
  for (const { id, aliases } of models) {
    for (const [index, alias] of aliases.entries()) {
      const path = ["models", id, "aliases", index];
      const rival = ids.includes(alias) ? ["models", alias] : owners.get(alias);
      const reason = `the name '${alias}' is taken twice, as ${path.join(".")} and as ${rival?.map(String).join(".")}`;
      if (rival === undefined) owners.set(alias, path);
      else mistakes.push({ path, rival, reason });
    }
  }
  return mistakes;
}

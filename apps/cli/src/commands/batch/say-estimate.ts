import { countOf } from "@darkroom/contracts";
import { estimateCost, type Estimate } from "../../batch/estimate-cost.ts";
import type { Look } from "../../batch/look-at-lines.ts";
import { Problem, PassingProblem } from "../../problem.ts";
import { type HttpApi, pathOf } from "../../service/http-api.ts";
import { type ServedModel, servedModelSchema, servedModelsSchema } from "../../service/served-model.ts";
import type { Shell } from "../../shell.ts";
import { faultLines, type Faults } from "../../text/batch-faults.ts";
import { formatDollars } from "../../text/dollars.ts";

/**
 * Says what there is to draw and what that will cost.
 * @throws {Problem} for a model that is not served, for lines that ask for several, and for fields that the model does not declare
 */
export async function sayEstimate(
  shell: Shell,
  api: HttpApi,
  { lines, groups, models, customFields }: Look,
  source: Pick<Faults, "file" | "sourceLine">,
): Promise<void> {
  const { value } = await api.send({ path: "/v1/models", as: "tenant", answer: servedModelsSchema });
  const model = await modelOf(models, value.data, { api, source });
  await assertDeclared(customFields, model, source);
  const images = groups.reduce((sum, group) => sum + group.lines * group.n, 0);
  const [name] = models.keys();
  const asked = name ?? (model && `${model.id}, the default model`) ?? "the model that the service chooses";
  const what = `${countOf(lines, "line")}, ${countOf(images, "image")} by ${asked}.`;
  if (model === undefined) return shell.say(`${what} Cost: unknown, because no model is named.`);
  shell.say(`${what} ${estimateWords(estimateCost(groups, model), lines)}`);
}

/** A model that the service does not list, and serves all the same, as an operator may have it. */
async function unlisted(api: HttpApi, name: string): Promise<ServedModel | undefined> {
  try {
    const path = pathOf`/v1/models/${name}`;
    return (await api.send({ path, as: "tenant", answer: servedModelSchema })).value;
  } catch (error) {
    if (error instanceof Problem && !(error instanceof PassingProblem)) return undefined;
    throw error;
  }
}

async function assertDeclared(
  customFields: Look["customFields"],
  model: ServedModel | undefined,
  source: Pick<Faults, "file" | "sourceLine">,
): Promise<void> {
  const declared = model?.limits.custom_parameters ?? {};
  const faults = [...customFields]
    .filter(([field]) => !Object.hasOwn(declared, field))
    .map(([field, line]) => ({ line, message: `Unknown parameter: '${field}'.` }));
  if (faults.length === 0) return;
  throw new Problem(`${await faultLines({ ...source, faults })}\nNothing was submitted.`);
}

/** The model that all lines ask for, by whichever of its names. Undefined where none is named and the service tells no default. */
async function modelOf(
  asked: Look["models"],
  served: readonly ServedModel[],
  { api, source }: { api: HttpApi; source: Pick<Faults, "file" | "sourceLine"> },
): Promise<ServedModel | undefined> {
  let first: ServedModel | undefined;
  for (const [name, line] of asked) {
    const listed = served.find(({ id, aliases, is_default }) =>
      name === undefined ? is_default : id === name || aliases.includes(name),
    );
    const model = listed ?? (name === undefined ? undefined : await unlisted(api, name));
    if (model === undefined && name !== undefined) {
      throw new Problem(`The model ${name} is not served. There are: ${served.map(({ id }) => id).join(", ")}.`);
    }
    first ??= model;
    if (model === undefined || model.id === first?.id) continue;
    const message = `a batch has one model: ${name ?? `${model.id}, the default model,`} after ${first?.id}`;
    const told = await faultLines({ ...source, faults: [{ line, message }] });
    throw new Problem(`${told}\nNothing was submitted.`);
  }
  return first;
}

/** What a batch will cost, in a sentence. What has no price is unknown, and never nothing. */
export function estimateWords({ from, to, unknownLines, missing }: Estimate, lines: number): string {
  const range =
    from === to
      ? `at most ${formatDollars(to)}`
      : `from ${formatDollars(from)} to ${formatDollars(to)}, by the size and quality that the model chooses`;
  if (unknownLines === 0) return `Cost: ${range}.`;
  const why = `There is no price for ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " and more" : ""}.`;
  if (unknownLines === lines) return `Cost: unknown. ${why}`;
  return `Cost: unknown for ${unknownLines} of ${lines} lines, for the others ${range}. ${why}`;
}

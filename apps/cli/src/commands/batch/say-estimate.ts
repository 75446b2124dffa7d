import { countOf } from "@darkroom/contracts";
import { estimateCost } from "../../batch/estimate-cost.ts";
import type { Look } from "../../batch/look-at-lines.ts";
import { Problem } from "../../problem.ts";
import type { HttpApi } from "../../service/http-api.ts";
import { type ServedModel, servedModelsSchema } from "../../service/served-model.ts";
import type { Shell } from "../../shell.ts";
import { faultLines, type Faults } from "../../text/batch-faults.ts";
import { estimateWords } from "../../text/estimate-words.ts";

/**
 * Says what there is to draw and what that will cost.
 * @throws {Problem} for a model that is not served, and for lines that ask for several
 */
export async function sayEstimate(
  shell: Shell,
  api: HttpApi,
  { lines, groups, models }: Look,
  source: Pick<Faults, "file" | "sourceLine">,
): Promise<void> {
  const { value } = await api.send({ path: "/v1/models", as: "tenant", answer: servedModelsSchema });
  const model = await modelOf(models, value.data, source);
  const images = groups.reduce((sum, group) => sum + group.lines * group.n, 0);
  const [name] = models.keys();
  const asked = name ?? (model && `${model.id}, the default model`) ?? "the model that the service chooses";
  const what = `${countOf(lines, "line")}, ${countOf(images, "image")} by ${asked}.`;
  if (model === undefined) return shell.say(`${what} Cost: unknown, as no model is named.`);
  shell.say(`${what} ${estimateWords(estimateCost(groups, model), lines)}`);
}

/** The model that all lines ask for, by whichever of its names. Undefined where none is named and the service tells no default. */
async function modelOf(
  asked: Look["models"],
  served: readonly ServedModel[],
  source: Pick<Faults, "file" | "sourceLine">,
): Promise<ServedModel | undefined> {
  let first: ServedModel | undefined;
  for (const [name, line] of asked) {
    const model = served.find(({ id, aliases, is_default }) =>
      name === undefined ? is_default : id === name || aliases.includes(name),
    );
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

import { countOf } from "@darkroom/contracts";
import { estimateCost } from "../../batch/estimate-cost.ts";
import type { Look } from "../../batch/look-at-lines.ts";
import { Problem } from "../../problem.ts";
import type { HttpApi } from "../../service/http-api.ts";
import { servedModelsSchema } from "../../service/served-model.ts";
import type { Shell } from "../../shell.ts";
import { estimateWords } from "../../text/estimate-words.ts";

/**
 * Says what there is to draw and what that will cost.
 * @throws {Problem} for a model that is not served
 */
export async function sayEstimate(shell: Shell, api: HttpApi, { lines, groups }: Look): Promise<void> {
  const name = groups[0]?.model;
  const images = groups.reduce((sum, group) => sum + group.lines * group.n, 0);
  const what = `${countOf(lines, "line")}, ${countOf(images, "image")} by ${name ?? "the model that the service chooses"}.`;
  if (name === undefined) return shell.say(`${what} Cost: unknown, as no model is named.`);
  const { value } = await api.send({ path: "/v1/models", as: "tenant", answer: servedModelsSchema });
  const model = value.data.find(({ id, aliases }) => id === name || aliases.includes(name));
  if (model === undefined) {
    throw new Problem(`The model ${name} is not served. There are: ${value.data.map(({ id }) => id).join(", ")}.`);
  }
  shell.say(`${what} ${estimateWords(estimateCost(groups, model), lines)}`);
}

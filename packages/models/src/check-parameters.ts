import { type ImageParameterName, quoteValue } from "@darkroom/contracts";
import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { parameterNames, type ValueRule } from "./parameter-schema.ts";
import { refusal } from "./field-rules.ts";

/** What every model takes. Whatever else the catalogue does not say of a model, that model does not take. */
const ofEveryModel: readonly string[] = [
  "prompt",
  "n",
  "size",
  "user",
  "safety_identifier",
] satisfies ImageParameterName[];

type Models = Pick<Catalogue, "models">;

/**
 * Checks the parameters of a request against what its model takes, and returns them with the model's defaults where the caller was
 * silent. Throws `ApiError` naming the first that is wrong.
 */
export function checkParameters<T extends object>(catalogue: Models, model: CatalogueModel, asked: T): T {
  const defaults: Record<string, unknown> = {};
  const given = new Map<string, unknown>(Object.entries(asked));
  for (const name of parameterNames) {
    const value = given.get(name);
    const accepted = model.parameters[name];
    if (value === undefined) {
      if (accepted !== undefined && "default" in accepted) defaults[name] = accepted.default;
      continue;
    }
    if (accepted === undefined) throw refusal(name, notTaken(catalogue, model, name));
    if ("fields" in accepted) checkFields(model, name, accepted.fields, value);
    else checkValue(model, name, accepted, value);
  }
  const unknown = [...given].find(([name, value]) => value !== undefined && !isKnown(name));
  if (unknown !== undefined) throw refusal(unknown[0], notTaken(catalogue, model, unknown[0]));
  return { ...asked, ...defaults };
}

const isKnown = (name: string) => ofEveryModel.includes(name) || (parameterNames as readonly string[]).includes(name);

/** A value may be an object itself, whose fields have names of their own: `svg.reasoning.effort`. */
function checkFields(model: CatalogueModel, name: string, fields: Record<string, ValueRule>, value: unknown): void {
  for (const [path, leaf] of leavesOf(value)) {
    const rule = fields[path];
    const param = `${name}.${path}`;
    if (rule === undefined) {
      const known = Object.keys(fields).map((field) => quoteValue(`${name}.${field}`));
      throw refusal(param, `'${model.id}' does not support '${param}'. It supports ${known.join(", ")}.`);
    }
    checkValue(model, param, rule, leaf);
  }
}

function leavesOf(value: unknown, prefix = ""): [path: string, leaf: unknown][] {
  if (typeof value !== "object" || value === null) return value === undefined ? [] : [[prefix, value]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, prefix === "" ? key : `${prefix}.${key}`));
}

function checkValue({ id }: CatalogueModel, name: string, rule: ValueRule, value: unknown): void {
  if ("values" in rule && !rule.values.includes(String(value))) {
    const supported = `Supported values for '${id}' are: ${rule.values.map(quoteValue).join(", ")}.`;
    throw refusal(name, `Invalid value for '${name}': ${quoteValue(value)}. ${supported}`);
  }
  if ("min" in rule && (Number(value) < rule.min || Number(value) > rule.max)) {
    const range = `'${id}' takes ${rule.min} to ${rule.max}`;
    throw refusal(name, `Invalid value for '${name}': ${quoteValue(value)}. ${range}.`);
  }
  if ("maxLength" in rule && String(value).length > rule.maxLength) {
    throw refusal(name, `Invalid '${name}': '${id}' takes at most ${rule.maxLength} characters.`);
  }
}

function notTaken({ models }: Models, { id }: CatalogueModel, name: string): string {
  const others = models.filter(({ parameters }) =>
    Object.entries(parameters).some(([own, rule]) => own === name && rule !== undefined),
  );
  const hint = others.length === 0 ? "" : ` Models that do: ${others.map((model) => quoteValue(model.id)).join(", ")}.`;
  return `'${id}' does not support '${name}'.${hint}`;
}

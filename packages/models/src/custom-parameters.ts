import { type ImageRequest, parseBody, quoteValue, shorten } from "@darkroom/contracts";
import type { z } from "zod";
import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { bodySchemaOf, type CustomParameters, requestFields } from "./custom-parameter-schema.ts";
import { refusal } from "./field-rules.ts";

/**
 * The custom parameters of a request by the names that the model's upstream has for them, with the operator's defaults. Undefined where
 * there are none. Throws `ApiError` for a field that the model does not declare, and for a value that it does not take.
 */
export function customParametersOf(
  catalogue: Pick<Catalogue, "models">,
  { customParameters: declared }: Pick<CatalogueModel, "customParameters">,
  request: ImageRequest,
): Record<string, unknown> | undefined {
  const given = Object.entries(request).filter(([name]) => !requestFields.has(name));
  const unknown = given.find(([name]) => !Object.hasOwn(declared, name));
  if (unknown !== undefined) throw refusal(shorten(unknown[0]), unknownParameter(catalogue, unknown[0]));
  const values = new Map(Object.entries(parseBody(schemaFor(declared), Object.fromEntries(given))));
  const sent = Object.entries(declared).flatMap(([name, { default: preset, upstream = name }]) => {
    const value = values.get(name) ?? preset;
    return value === undefined ? [] : [[upstream, value] as const];
  });
  return sent.length === 0 ? undefined : Object.fromEntries(sent);
}

/** The fields of a request that every request may have. */
export function withoutCustom<T extends object>(request: T): T {
  const rest = { ...request };
  for (const name of Object.keys(request)) if (!requestFields.has(name)) Reflect.deleteProperty(rest, name);
  return rest;
}

function unknownParameter({ models }: Pick<Catalogue, "models">, name: string): string {
  const takers = models.filter(({ customParameters }) => Object.hasOwn(customParameters, name));
  const hint = takers.length === 0 ? "" : ` Models that take it: ${takers.map(({ id }) => quoteValue(id)).join(", ")}.`;
  return `Unknown parameter: ${quoteValue(name)}.${hint}`;
}

/** Every request needs the schema of its model, so it is made once for each. */
const schemas = new WeakMap<CustomParameters, z.ZodObject>();

function schemaFor(declared: CustomParameters): z.ZodObject {
  const made = schemas.get(declared) ?? bodySchemaOf(declared);
  schemas.set(declared, made);
  return made;
}

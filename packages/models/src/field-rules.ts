import { ApiError, type ImageRequest, quoteValue } from "@darkroom/contracts";
import { z } from "zod";
import { parameterNames } from "./parameter-schema.ts";

/** The 400 of a request that a model does not take. `param` is the field at fault. */
export const refusal = (param: string, message: string): ApiError =>
  new ApiError("invalid_request_error", message, { param });

const fields = ["n", "size", "stream", "partial_images", ...parameterNames] as const;
const fieldName = z.enum(fields, { error: `expected a field of a request: ${fields.join(", ")}` });
type FieldName = (typeof fields)[number];

const values = z.array(z.union([z.string(), z.number(), z.boolean()])).min(1);
type Value = z.infer<typeof values>[number];

/** A rule between fields of a request: when these have such values, those must, or must not be there. */
export const fieldRuleSchema = z
  .strictObject({
    /** The rule holds for a request in which each of these fields has one of its values, or is `given` at all. */
    when: z.partialRecord(fieldName, z.union([z.literal("given"), values])),
    /** Then each of these must have one of its values. */
    only: z.partialRecord(fieldName, values).optional(),
    /** Then none of these may be asked for. */
    without: z.array(fieldName).min(1).optional(),
    /** The field that a refusal names. Left out: the first of `only` or `without` that is wrong. */
    param: fieldName.optional(),
  })
  .refine(({ only, without }) => (only === undefined) !== (without === undefined), {
    error: "expected either only or without",
  });
export type FieldRule = z.infer<typeof fieldRuleSchema>;

/** A request by the names of its fields. */
type Fields = Partial<Record<FieldName, unknown>>;

/**
 * The refusal of a request that breaks one of the rules; undefined where it breaks none.
 * @param asked as the caller sent it: a default of the catalogue is nothing that the caller asked for
 * @param resolved with the catalogue's defaults, which is what the upstream gets
 */
export function brokenRule(
  rules: readonly FieldRule[],
  asked: Omit<ImageRequest, "prompt">,
  resolved: Fields,
): ApiError | undefined {
  const before: Fields = asked;
  const after: Fields = { ...asked, ...resolved };
  for (const { when, only = {}, without = [], param } of rules) {
    const holds = entriesOf(when).every(([name, wanted]) =>
      wanted === "given" ? isAsked(name, before[name]) : wanted.some((value) => value === after[name]),
    );
    if (!holds) continue;
    const wrong = entriesOf(only).find(([name, wanted]) => !wanted.some((value) => value === after[name]));
    if (wrong !== undefined) return mustBe(when, wrong, after, param);
    const extra = without.find((name) => isAsked(name, before[name]));
    if (extra !== undefined) {
      return refusal(param ?? extra, `'${extra}' cannot be used with ${describe(when, after)}.`);
    }
  }
  return undefined;
}

function mustBe(
  when: FieldRule["when"],
  [name, wanted]: [FieldName, Value[]],
  after: Fields,
  param: FieldName | undefined,
): ApiError {
  const is = after[name] === undefined ? "is not set" : `is ${quoteValue(after[name])}`;
  return refusal(param ?? name, `${describe(when, after)} needs '${name}' to be ${oneOf(wanted)}; here it ${is}.`);
}

/** Whether the caller wants it: `false`, and no partial images, is what a request without the field means, too. */
const isAsked = (name: FieldName, value: unknown) =>
  value !== undefined && value !== null && value !== false && !(name === "partial_images" && value === 0);

const describe = (when: FieldRule["when"], after: Fields) =>
  entriesOf(when)
    .map(([name, wanted]) => (wanted === "given" ? `'${name}'` : `'${name}' ${quoteValue(after[name])}`))
    .join(" and ");

/** `'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`. */
function oneOf(wanted: readonly Value[]): string {
  const words = wanted.map((value) => (typeof value === "string" ? quoteValue(value) : String(value)));
  return words.length === 1 ? String(words[0]) : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

const entriesOf = <V>(map: Partial<Record<FieldName, V>>): [FieldName, V][] =>
  fields.flatMap((name): [FieldName, V][] => {
    const value = map[name];
    return value === undefined ? [] : [[name, value]];
  });

import { imageRequestSchema } from "@darkroom/contracts";
import { z } from "zod";

/** The fields that every request may have. No custom parameter takes the place of one: `n`, for example, decides what is billed. */
export const requestFields: ReadonlySet<string> = new Set(Object.keys(imageRequestSchema.shape));

const fieldNameSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, {
    error: "expected the name of a field: letters, digits, _ and -, a letter first, at most 64 characters",
  })
  // zod reads inherited properties: a request without such a field would have a function there.
  .refine((name) => !(name in Object.prototype), {
    error: "expected a name that is no property of every JavaScript object",
  });
const ownNameSchema = fieldNameSchema.refine((name) => !requestFields.has(name), {
  error: "expected a name that no field of a request has",
});

// A value is kept with its record and sent to the upstream with each call, so every text and every list has a bound.
const usualLength = 1_000;
const usualItems = 16;

const integerSchema = z.strictObject({
  type: z.literal("integer"),
  min: z.int().optional(),
  max: z.int().optional(),
  values: z.array(z.int()).min(1).optional(),
});
const numberSchema = z.strictObject({
  type: z.literal("number"),
  min: z.number().optional(),
  max: z.number().optional(),
  values: z.array(z.number()).min(1).optional(),
});
const booleanSchema = z.strictObject({ type: z.literal("boolean") });
const stringSchema = z.strictObject({
  type: z.literal("string"),
  /** UTF-16 units. */
  maxLength: z.int().min(1).max(32_000).default(usualLength),
  values: z.array(z.string()).min(1).optional(),
});
const scalars = [integerSchema, numberSchema, booleanSchema, stringSchema] as const;

const wrongType = (types: string) => ({ error: `expected a type: ${types}` });
const scalarSchema = z
  .discriminatedUnion("type", [...scalars], wrongType("integer, number, boolean or string"))
  .superRefine(refuseContradictions);

const objectSchema = z.strictObject({ type: z.literal("object"), fields: z.record(fieldNameSchema, scalarSchema) });
const itemSchema = z
  .discriminatedUnion("type", [...scalars, objectSchema], wrongType("integer, number, boolean, string or object"))
  .superRefine(refuseContradictions);

const listSchema = z.strictObject({
  type: z.literal("list"),
  maxItems: z.int().min(1).max(100).default(usualItems),
  of: itemSchema,
});

const more = {
  /** Sent when the caller is silent. */
  default: z.unknown().optional(),
  /** The name by which the upstream knows it, if another. */
  upstream: ownNameSchema.optional(),
};
const parameterSchema = z
  .discriminatedUnion(
    "type",
    [
      integerSchema.extend(more),
      numberSchema.extend(more),
      booleanSchema.extend(more),
      stringSchema.extend(more),
      objectSchema.extend(more),
      listSchema.extend(more),
    ],
    wrongType("integer, number, boolean, string, list or object"),
  )
  .superRefine((parameter, context) => {
    refuseContradictions(parameter, context);
    if (takes(parameter, parameter.default)) return;
    context.addIssue({ code: "custom", path: ["default"], message: "expected a value that this parameter takes" });
  });

/** What an operator declares for one model, by the names that callers write. No two of them have one name at the upstream. */
export const customParametersSchema = z.record(ownNameSchema, parameterSchema).superRefine((parameters, context) => {
  const owners = new Map<string, string>();
  for (const [name, { upstream: sent = name }] of Object.entries(parameters)) {
    const owner = owners.get(sent);
    if (owner !== undefined) {
      const message = `expected another name, for '${owner}' is sent as '${sent}', too`;
      context.addIssue({ code: "custom", path: [name], message, params: { atKey: true } });
    }
    owners.set(sent, name);
  }
});
export type CustomParameters = z.infer<typeof customParametersSchema>;

/** What a value may be: of a parameter, of an entry of a list, of a field of an object. */
export type CustomValue = z.infer<typeof scalarSchema | typeof itemSchema | typeof listSchema>;

/** Refuses a range that holds nothing, and a listed value that is outside the range: no request could ever have it. */
function refuseContradictions(value: CustomValue, context: z.RefinementCtx): void {
  if ("min" in value && (value.min ?? -Infinity) > (value.max ?? Infinity)) {
    context.addIssue({ code: "custom", path: ["max"], message: "expected max to be at least min" });
    return;
  }
  if (!("values" in value)) return;
  for (const [index, each] of (value.values ?? []).entries()) {
    if (takes({ ...value, values: undefined }, each)) continue;
    context.addIssue({ code: "custom", path: ["values", index], message: "expected a value within the bounds" });
  }
}

const takes = (value: CustomValue, given: unknown) => valueSchemaOf(value).optional().safeParse(given).success;

/** The schema of what callers may send for it. */
function valueSchemaOf(value: CustomValue): z.ZodType {
  if (value.type === "boolean") return z.boolean();
  if (value.type === "list") return z.array(valueSchemaOf(value.of)).max(value.maxItems);
  if (value.type === "object") return bodySchemaOf(value.fields);
  if (value.values !== undefined) return z.literal(value.values);
  if (value.type === "string") {
    const message = "must be well-formed Unicode, without half a surrogate pair";
    return z
      .string()
      .max(value.maxLength)
      .refine((text) => text.isWellFormed(), message);
  }
  const { min = -Infinity, max = Infinity } = value;
  return (value.type === "integer" ? z.int() : z.number()).min(min).max(max);
}

/** The schema of an object that has such fields, each of which may be left out. */
export function bodySchemaOf(fields: Record<string, CustomValue>): z.ZodObject {
  const schemas = Object.entries(fields).map(([name, value]) => [name, valueSchemaOf(value).optional()]);
  return z.strictObject(Object.fromEntries(schemas));
}

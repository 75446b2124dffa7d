export type Fields = Record<string, unknown>;

/** An object of JSON by its fields, undefined for anything else. It is not copied: an upstream may have sent millions of fields. */
export const fieldsOf = (value: unknown): Fields | undefined => (isFields(value) ? value : undefined);

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

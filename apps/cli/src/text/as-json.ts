/** The API's own JSON, indented. */
export const asJson = (json: unknown): string => JSON.stringify(json, null, 2);

/** More than any record of ours has. */
const mostFields = 100;
/** Longer than an id, a status or a number. */
const longestShown = 80;

/**
 * The fields that only the service writes, and that hold no text of a caller or a provider. The value of any other field is not shown, since
 * another release may keep a prompt there.
 */
const shown = new Set([
  "id",
  "tenant",
  "keyId",
  "lane",
  "model",
  "status",
  "version",
  "attempts",
  "failures",
  "handbacks",
  "createdAt",
  "startedAt",
  "endedAt",
  "expiresAt",
  "createdAtMs",
  "expiresAtMs",
  "batchId",
  "lineIndex",
  "generationId",
  "ending",
  "packed",
  "outcome",
  "total",
  "fed",
  "completed",
  "failed",
  "segments",
  "inputFileId",
  "purpose",
  "bytes",
]);

/** What an operator is shown of a record: the values of plain fields, and of all others the length. */
export function describeFields(fields: Readonly<Record<string, string | Buffer>>): Record<string, string> {
  const described = Object.entries(fields)
    // A packed record has its compressed text in fields with numbers for names.
    .filter(([name]) => !/^\d+$/.test(name))
    .slice(0, mostFields)
    .map(([name, value]) => {
      const text = value.toString();
      const isShown = shown.has(name) && text.length <= longestShown;
      return [name.slice(0, longestShown), isShown ? text : `(${Buffer.byteLength(text)} bytes)`] as const;
    });
  return Object.fromEntries(described);
}

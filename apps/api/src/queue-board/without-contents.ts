/**
 * Fields of a job in which BullMQ keeps what a job was given, what came of it and what it said. Jobs of lanes hold an id and a priority, so all of
 * them are empty; but an error that a worker threw may quote a request.
 */
const contents = new Set(["data", "returnValue", "returnvalue", "failedReason", "stacktrace", "logs", "progress"]);

/** Takes the contents of jobs out of an answer of the board in JSON, wherever they stand in it. */
export function withoutContents(json: Buffer): Buffer {
  const answer: unknown = JSON.parse(json.toString("utf8"), (name, value: unknown) => {
    if (!contents.has(name)) return value;
    return Array.isArray(value) ? [] : null;
  });
  return Buffer.from(JSON.stringify(answer));
}

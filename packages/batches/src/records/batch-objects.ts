const number = (value: number, digits: number) => String(value).padStart(digits, "0");

/** Where the objects of a batch are in the object store. */
export const batchObjects = (tenant: string, batchId: string) => {
  const folder = `${tenant}/batches/${batchId}`;
  return {
    /** What is wrong with its input, a JSON array, where an older release found more than its record holds. It is only swept away. */
    faults: `${folder}/faults.json`,
    /** Prepared lines, one JSON object a line. */
    lines: (chunk: number): string => `${folder}/lines/${number(chunk, 5)}.jsonl`,
    /** Results of lines, one JSON object a line. */
    results: (segment: number): string => `${folder}/results/${number(segment, 6)}.jsonl`,
  };
};

/** A file as Redis has it; its bytes are in the object store. Times are Unix milliseconds. */
export type FileRecord = {
  id: string;
  tenant: string;
  /** A `FilePurpose`, or a purpose that only a newer release knows. */
  purpose: string;
  filename: string;
  bytes: number;
  /** Of the bytes, in hexadecimal. Absent from files of older releases. */
  sha256?: string;
  createdAtMs: number;
  expiresAtMs: number;
};

/** The fields of the hash. */
export function encodeFile(record: FileRecord): string[] {
  return Object.entries(record).flatMap(([name, value]) => [name, String(value)]);
}

/** Null for the empty hash: there is no such file. */
export function decodeFile(fields: Record<string, string>): FileRecord | null {
  const { id, tenant = "", purpose = "", filename = "", bytes, sha256, createdAtMs, expiresAtMs } = fields;
  if (id === undefined) return null;
  return {
    id,
    tenant,
    purpose,
    filename,
    bytes: Number(bytes),
    ...(sha256 !== undefined && { sha256 }),
    createdAtMs: Number(createdAtMs),
    expiresAtMs: Number(expiresAtMs),
  };
}

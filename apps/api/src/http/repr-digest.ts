/**
 * The header by which a client can tell that it has all of the bytes, unchanged (RFC 9530 §3). `sha256`: in hexadecimal; no header where it is not
 * known.
 */
export const reprDigest = (sha256: string | undefined): { "repr-digest"?: string } =>
  sha256 === undefined ? {} : { "repr-digest": `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:` };

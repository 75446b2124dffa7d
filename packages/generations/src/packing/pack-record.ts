import { promisify } from "node:util";
import { deflateRaw, deflateRawSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import { UnreadableRecord } from "../records/unreadable-record.ts";
import { currentDictionary, dictionaries } from "./dictionary.ts";

const deflateOnThread = promisify(deflateRaw);

/** A text of this length takes half a millisecond. What is longer goes to a thread, which costs a quarter of one. */
const shortCharacters = 8_192;

/** Buffers as small as the texts: with those that zlib makes by default, setting up costs as much again as the work. */
const forShort: ZlibOptions = { level: 9, windowBits: 14, memLevel: 6, chunkSize: 1_024 };
const forLong: ZlibOptions = { level: 6 };
const inflateChunkBytes = 4_096;

/**
 * The fields that stay as they are when an ended record is packed: scripts read or set them after the ending, and lists filter by them. All
 * others are compressed together. A field that a script reads of an ended record belongs here.
 */
const plainFields = [
  "tenant",
  "status",
  "version",
  "createdAt",
  "endedAt",
  "model",
  "attempts",
  "rank",
  "answered",
  "kept",
  "stopped",
  "abandoned",
  "mayBeCharged",
  "canceledBy",
  "canceledIn",
  "retriedBy",
];

/** By these an equal request finds one that no caller was answered with (`leave.lua`). No script reads them of others that have ended. */
const fieldsOfTheUnanswered = ["keyId", "body"];

/** Needed only until it ends. Dropped. `bytes` is written anew, `id` is in the name of the key. */
const fieldsOfTheLiving = new Set(["id", "bytes", "mayPack", "startToken", "firstAttempt", "counted", "watchers"]);

/** The fields that stay as they are of a record that has ended. */
export const plainFieldsOf = ({ answered, claim }: Readonly<Record<string, string>>): string[] =>
  answered === undefined && claim === undefined ? [...plainFields, ...fieldsOfTheUnanswered] : plainFields;

/**
 * Redis keeps a hash whose values are all within 64 bytes in one block, and any other in a table that costs some 60 bytes more for each
 * field. So the compressed text is cut into pieces of that size: the fields `0`, `1`, `2`…
 */
const pieceBytes = 64;

/** Together with the plain fields they are within 128, which is the other condition. What is longer is one piece: the table costs it little. */
const maxPieces = 100;

/** Between the names and values that are compressed. No JSON has it, nor anything else that the scripts write. */
const separator = "\t";

/** The fields of a packed record that stand for the rest. Null where one of them cannot be packed: then the record stays as it is. */
export async function packFields(hash: Readonly<Record<string, string>>): Promise<(string | Buffer)[] | null> {
  const isPlain = new Set(plainFieldsOf(hash));
  const packed = Object.entries(hash).filter(([name]) => !isPlain.has(name) && !fieldsOfTheLiving.has(name));
  if (packed.flat().some((text) => text.includes(separator))) return null;
  const text = packed
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join(separator);
  const dictionary = dictionaryFor(currentDictionary, hash);
  const bytes =
    text.length <= shortCharacters
      ? deflateRawSync(text, { ...forShort, dictionary })
      : await deflateOnThread(text, { ...forLong, dictionary });
  const isLong = bytes.length > pieceBytes * maxPieces;
  const pieces = isLong
    ? [bytes]
    : Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
        bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
      );
  return [
    "packed",
    currentDictionary,
    // For an older release. By `id` it knows that there is a record; it cannot read it and leaves it alone. By `delivery` it finds the objects
    // to be removed with the record: this is no JSON, so it does not remove the record without them.
    "id",
    "-",
    ...(hash["delivery"] === undefined && hash["superseded"] === undefined ? [] : ["delivery", "?"]),
    ...pieces.flatMap((piece, i) => [String(i), piece]),
  ];
}

/** The fields of a record as the scripts wrote them, whether or not it was packed since. Throws `UnreadableRecord`. */
export function unpackFields(id: string, hash: Readonly<Record<string, Buffer>>): Record<string, string> {
  const number = hash["packed"]?.toString();
  const plain = Object.entries(hash).filter(([name]) => number === undefined || !isOfPacking(name));
  const fields = Object.fromEntries(plain.map(([name, value]) => [name, value.toString()]));
  if (number === undefined) return fields;
  fields["id"] = id;
  try {
    const pieces: Buffer[] = [];
    for (let piece = hash[0]; piece !== undefined; piece = hash[pieces.length]) pieces.push(piece);
    const dictionary = dictionaryFor(number, fields);
    const text = inflateRawSync(Buffer.concat(pieces), { dictionary, chunkSize: inflateChunkBytes }).toString();
    const words = text.split(separator);
    for (let i = 0; i + 1 < words.length; i += 2) fields[words[i] ?? ""] = words[i + 1] ?? "";
    return fields;
  } catch (error) {
    throw new UnreadableRecord(id, error);
  }
}

const isOfPacking = (name: string): boolean => name === "packed" || name === "delivery" || /^\d+$/.test(name);

/** The keys of objects repeat the tenant and the id, which are in no dictionary. */
function dictionaryFor(number: string, { tenant = "", id = "" }: Readonly<Record<string, string>>): Buffer {
  const dictionary = dictionaries.get(number);
  if (dictionary === undefined) throw new Error(`No dictionary has the number ${number}.`);
  return Buffer.concat([dictionary, Buffer.from(`_images/${tenant}/${id}/1-0.png`)]);
}

import { createHash } from "node:crypto";
import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from "@aws-sdk/client-s3";
import { deleteEach } from "../delete-each.ts";
import { ObjectsLeftError, StorageError } from "../storage-error.ts";
import { s3Error } from "./s3-error.ts";
import type { S3Settings } from "./s3-settings.ts";

/** The most keys that S3 takes in one call. */
const keysPerCall = 1_000;
/** Calls at a time, of many keys or of one. More would take connections from the images that are being served. */
const callsAtOnce = 16;

export type DeleteObjectsOptions = {
  client: S3Client;
  settings: S3Settings;
  /** The name of an object in the bucket. */
  nameOf: (key: string) => string;
};

/**
 * Returns the function that removes objects: a thousand keys to a call (DeleteObjects), or one by one from a server that does not have that
 * call. A server that refuses a call of many keys and then takes the same keys one by one does not have it, whatever its answer says:
 * Google's and older servers answer with 400, 403, 405 or 501.
 */
export function createDeleteObjects({ client, settings, nameOf }: DeleteObjectsOptions) {
  const Bucket = settings.bucket;
  const errorOf = (key: string | undefined, error: unknown) => s3Error("delete", key, settings, error);
  let hasManyToACall = true;
  if (settings.checksums === "WHEN_REQUIRED") signByMd5(client);

  async function deleteOne(key: string): Promise<StorageError | null> {
    try {
      await client.send(new DeleteObjectCommand({ Bucket, Key: nameOf(key) }));
      return null;
    } catch (error) {
      return errorOf(key, error);
    }
  }

  const deleteSingly = (keys: readonly string[]) => deleteEach(keys, deleteOne, { atOnce: callsAtOnce });

  /** One call of many keys. Answers those that are left, and why; an error where the server refused the whole call. */
  async function deleteMany(keys: readonly string[]): Promise<Map<string, StorageError> | StorageError> {
    const keyOf = new Map(keys.map((key) => [nameOf(key), key]));
    const Objects = [...keyOf.keys()].map((Key) => ({ Key }));
    try {
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      const left = new Map<string, StorageError>();
      for (const { Key, Code, Message } of Errors) {
        const key = keyOf.get(Key ?? "");
        if (Code === "NoSuchKey") continue;
        // An answer about an object that was not asked for says nothing about those that were.
        if (key === undefined) return errorOf(undefined, new Error(`The answer names the object "${Key}".`));
        left.set(key, errorOf(key, Object.assign(new Error(Message), { name: Code ?? "Unknown" })));
      }
      return left;
    } catch (error) {
      return errorOf(undefined, error);
    }
  }

  /** The keys of one call. Answers those that are left, and why. */
  async function deletePage(keys: readonly string[]): Promise<Map<string, StorageError>> {
    if (!hasManyToACall || keys.length === 1) return deleteSingly(keys);
    const answer = await deleteMany(keys);
    if (!(answer instanceof StorageError)) return answer;
    const allOf = (error: StorageError) => new Map(keys.map((key) => [key, error]));
    if (answer.retryable) return allOf(answer);
    // Some first: where a setting is wrong, a thousand more calls would say the same.
    const some = keys.slice(0, callsAtOnce);
    const left = await deleteSingly(some);
    if (left.size === some.length) return allOf(answer);
    hasManyToACall = false;
    return new Map([...left, ...(await deleteSingly(keys.slice(callsAtOnce)))]);
  }

  /** Throws `ObjectsLeftError`. */
  return async (keys: readonly string[]): Promise<void> => {
    const unique = [...new Set(keys)];
    const pages: string[][] = [];
    for (let at = 0; at < unique.length; at += keysPerCall) pages.push(unique.slice(at, at + keysPerCall));
    const left = new Map<string, StorageError>();
    for (const page of pages) for (const [key, error] of await deletePage(page)) left.set(key, error);
    if (left.size > 0) throw new ObjectsLeftError(left);
  };
}

/**
 * S3 demands a checksum of the body of this one call. The SDK sends a CRC-32, which the servers that are set to `S3_CHECKSUMS=WHEN_REQUIRED`
 * mostly do not know; MD5, which the SDK sent before, they do.
 * See https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/MD5_FALLBACK.md.
 */
function signByMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { request } = args;
      if (context["commandName"] === "DeleteObjectsCommand" && isXmlRequest(request)) {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(?:sdk-)?checksum-/i.test(name)) delete request.headers[name];
        }
        request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
      }
      return next(args);
    },
    { step: "build", priority: "low", name: "signByMd5" },
  );
}

function isXmlRequest(request: unknown): request is { headers: Record<string, string>; body: string | Uint8Array } {
  if (typeof request !== "object" || request === null || !("body" in request) || !("headers" in request)) return false;
  return typeof request.body === "string" || request.body instanceof Uint8Array;
}

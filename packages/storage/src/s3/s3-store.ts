import { addAbortSignal, Readable } from "node:stream";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { checkObjectStore } from "../check-object-store.ts";
import { assertLinkLifetime } from "../link-lifetime.ts";
import { assertObjectKey } from "../object-key.ts";
import { ObjectNotFoundError } from "../storage-error.ts";
import type { ObjectStore } from "../object-store.ts";
import { createDeleteObjects } from "./delete-objects.ts";
import { ofSize } from "../of-size.ts";
import { createS3Client } from "./s3-client.ts";
import { s3Error, statusOf } from "./s3-error.ts";
import { defaultS3Timeouts, type S3Settings, type S3Timeouts } from "./s3-settings.ts";
import { findPublicAddresses } from "./public-addresses.ts";
import { createSignLink } from "./sign-link.ts";
import { uploadParts } from "./upload-parts.ts";

const unknownType = "application/octet-stream";

/** Types that a browser may open: in none of them is there a script. */
const opened = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);

/**
 * What a bucket's server says with each answer of an object. A browser runs the scripts of an SVG that it opens as a page, and no bucket
 * sends the policy that keeps it from that, so an SVG is saved and not opened; an `<img>` shows it all the same. Noted with the object,
 * this holds for signed links, for a public bucket and for a CDN before it.
 */
const dispositionOf = (contentType: string): string => (opened.has(contentType) ? "inline" : "attachment");

/** A signal that aborts as the given one does, and when the stream fails: the SDK would wait for the rest of it until its own timeout. */
function endOf(body: Readable, signal: AbortSignal | undefined): AbortSignal {
  const failed = new AbortController();
  body.once("error", () => failed.abort());
  return signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
}

/**
 * Has a hash that is known already signed as that of the body, which every server of the protocol checks. The SDK would hash a buffer once
 * more, and cannot hash a stream before it sends it. Where checksums are on, the same hash is the checksum, in place of one that the SDK
 * would compute and send behind a stream.
 */
function signHash(command: PutObjectCommand, sha256: string, checksums: S3Settings["checksums"]): void {
  if (checksums === "WHEN_SUPPORTED") command.input.ChecksumSHA256 = Buffer.from(sha256, "hex").toString("base64");
  command.middlewareStack.add(
    (next) => (args) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every request of the SDK's HTTP has headers
      const { headers } = args.request as { headers: Record<string, string> };
      headers["x-amz-content-sha256"] = sha256;
      return next(args);
    },
    { step: "build" },
  );
}

/** Objects in a bucket of AWS or of any server of its protocol. `now` gives milliseconds; links are signed with it. */
export function createS3Store(
  settings: S3Settings,
  { timeouts = defaultS3Timeouts, now = Date.now }: { timeouts?: S3Timeouts; now?: () => number } = {},
): ObjectStore {
  const client = createS3Client({ settings, timeouts, endpoint: settings.endpoint });
  const linkClient = createS3Client({
    settings,
    timeouts,
    endpoint: settings.publicEndpoint ?? settings.endpoint,
  });
  const Bucket = settings.bucket;
  const signLink = createSignLink(linkClient, Bucket);
  const prefix = settings.prefix ? `${settings.prefix.replace(/^\/+|\/+$/g, "")}/` : "";
  const publicBase = settings.publicBaseUrl?.replace(/\/+$/, "");
  const place = (key: string) => ({ Bucket, Key: `${prefix}${key}` });

  const deleteObjects = createDeleteObjects({ client, settings, nameOf: (key) => place(key).Key });

  const files: Pick<ObjectStore, "put" | "get" | "head" | "delete"> = {
    put: async (key, given, { contentType, expectedBytes, size, sha256, signal }) => {
      const body = given instanceof Readable ? ofSize(given, size) : given;
      try {
        assertObjectKey("put", key);
        const params = {
          ...place(key),
          Body: body,
          ContentType: contentType,
          ContentDisposition: dispositionOf(contentType),
          ...(sha256 !== undefined && { Metadata: { sha256 } }),
        };
        signal?.throwIfAborted();
        if (body instanceof Readable) {
          // A stream that breaks ends its upload, and takes back the parts that were sent.
          if (signal !== undefined) addAbortSignal(signal, body);
        }
        if (body instanceof Readable && size === undefined) {
          await new Upload({ client, params, ...uploadParts(expectedBytes) }).done();
        } else {
          const command = new PutObjectCommand({ ...params, ContentLength: size });
          if (sha256 !== undefined) signHash(command, sha256, settings.checksums);
          await client.send(command, { abortSignal: body instanceof Readable ? endOf(body, signal) : signal });
        }
      } catch (error) {
        if (body instanceof Readable && signal?.aborted) body.destroy();
        signal?.throwIfAborted();
        if (body instanceof Readable) {
          if (body.errored !== null) throw body.errored;
          body.destroy();
        }
        throw s3Error("put", key, settings, error);
      }
    },
    get: async (key, { from = 0 } = {}) => {
      assertObjectKey("get", key);
      try {
        const Range = from === 0 ? undefined : `bytes=${from}-`;
        const { Body, ContentLength, ContentRange, ContentType } = await client.send(
          new GetObjectCommand({ ...place(key), Range }),
        );
        if (!(Body instanceof Readable)) throw new Error("The reply has no body.");
        if (ContentLength === undefined || (from > 0 && !ContentRange?.startsWith(`bytes ${from}-`))) {
          // A socket that is given up may fail meanwhile, and nobody reads it.
          Body.on("error", () => {}).destroy();
          throw new Error(from > 0 ? "The reply has another part of the object." : "The reply has no length.");
        }
        return { body: Body, size: from + ContentLength, contentType: ContentType ?? unknownType };
      } catch (error) {
        if (error instanceof NoSuchKey) throw new ObjectNotFoundError(key, { cause: error });
        throw s3Error("get", key, settings, error);
      }
    },
    head: async (key) => {
      assertObjectKey("head", key);
      try {
        const { ContentLength = 0, ContentType } = await client.send(new HeadObjectCommand(place(key)));
        return { size: ContentLength, contentType: ContentType ?? unknownType };
      } catch (error) {
        if (statusOf(error) !== 404) throw s3Error("head", key, settings, error);
        await assertBucket(key);
        return null;
      }
    },
    delete: async (keys) => {
      keys.forEach((key) => assertObjectKey("delete", key));
      await deleteObjects(keys);
    },
  };

  /**
   * Throws where the whole bucket is gone. The answer to a HEAD has no body, so a bucket that is not there and an object that is not there look
   * alike, and images of which the owner may get the bucket back would be reported as gone, or be bought again.
   */
  async function assertBucket(key: string): Promise<void> {
    try {
      await client.send(new HeadBucketCommand({ Bucket }));
    } catch (error) {
      // A key that may not ask for the bucket has the answer about the object all the same.
      if (statusOf(error) !== 403) throw s3Error("head", key, settings, error);
    }
  }

  async function ensureBucket(): Promise<void> {
    try {
      await client.send(new HeadBucketCommand({ Bucket }));
    } catch (missing) {
      if (statusOf(missing) !== 404) throw s3Error("check", undefined, settings, missing);
      await client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
        // Another process was faster.
        if (error instanceof Error && error.name === "BucketAlreadyOwnedByYou") return;
        throw s3Error("check", undefined, settings, error);
      });
    }
  }

  /**
   * What is left of the session of temporary credentials, which a role gives for one to twelve hours: a link ends with them, whatever it
   * says. The SDK renews them some minutes before.
   */
  async function sessionSecondsLeft(signingDate: Date): Promise<number> {
    const { expiration } = await linkClient.config.credentials();
    if (expiration === undefined) return Infinity;
    return Math.max(1, Math.floor((expiration.getTime() - signingDate.getTime()) / 1_000));
  }

  return {
    ...files,
    link: async (key, { expiresInSeconds }) => {
      assertObjectKey("link", key);
      assertLinkLifetime(key, expiresInSeconds);
      const { Key } = place(key);
      if (publicBase !== undefined) return `${publicBase}/${Key}`;
      try {
        const signingDate = new Date(now());
        const secondsLeft = await sessionSecondsLeft(signingDate);
        return await signLink(Key, { expiresIn: Math.min(expiresInSeconds, secondsLeft), signingDate });
      } catch (error) {
        throw s3Error("link", key, settings, error);
      }
    },
    openLink: null,
    publicAddresses: () =>
      findPublicAddresses({
        files,
        addressesOf: async (key) => {
          const { Key } = place(key);
          const signed = await signLink(Key, { expiresIn: 1, signingDate: new Date(now()) });
          const { origin, pathname } = new URL(signed);
          return [`${origin}${pathname}`, ...(publicBase === undefined ? [] : [`${publicBase}/${Key}`])];
        },
      }),
    check: async () => {
      if (settings.createBucket) await ensureBucket();
      await checkObjectStore(files);
    },
    close: async () => {
      client.destroy();
      linkClient.destroy();
    },
  };
}

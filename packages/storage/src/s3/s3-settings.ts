export type S3Settings = {
  /** Absent: AWS's own endpoint of the region. */
  endpoint?: string | undefined;
  /** The endpoint as callers reach it, where it differs from ours (inside a container network). Signed into links. */
  publicEndpoint?: string | undefined;
  region: string;
  bucket: string;
  /** Put before every key: `darkroom/prod`. */
  prefix?: string | undefined;
  /** Absent: the AWS SDK's own chain (environment, profile, instance or pod role). */
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. Most self-hosted servers need it. */
  forcePathStyle: boolean;
  /** A CDN or public bucket: links are then this URL and the object's key, prefix included, unsigned and without an end. */
  publicBaseUrl?: string | undefined;
  /** Ceph and others refuse the trailing checksums that the SDK sends by default (`WHEN_SUPPORTED`). */
  checksums: "WHEN_SUPPORTED" | "WHEN_REQUIRED";
  /** Makes a missing bucket in `check()`. */
  createBucket: boolean;
};

/** In milliseconds. A try that outlives one of them is broken off and counts as an outage. */
export type S3Timeouts = {
  /** To a connection. */
  connectMs: number;
  /** From the request to the answer's headers, sending the body included. */
  answerMs: number;
  /** Without a byte in either direction, while a body is read or written. */
  idleMs: number;
  /** Tries of each request, the first included. */
  attempts: number;
};

/**
 * A connection inside a region takes milliseconds; 3 s is three lost packets. The largest part of an upload, 16 MiB, at a slow 2 MB/s
 * and a slow server fit into 15 s.
 * A reader that stands still for 30 s has gone. Three tries ride out a single bad node; longer outages are the queue's to wait out.
 */
export const defaultS3Timeouts: S3Timeouts = { connectMs: 3_000, answerMs: 15_000, idleMs: 30_000, attempts: 3 };

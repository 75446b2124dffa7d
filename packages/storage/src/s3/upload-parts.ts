const MiB = 1024 * 1024;

/** S3's bounds of an upload in parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const smallestPart = 5 * MiB;
const mostParts = 10_000;

/**
 * How a stream is cut into parts, and how many are sent at a time. All are equally long, as Cloudflare's R2 wants them. Two on their
 * way, one that fills and its copy in the SDK are in memory: 24 MiB with the smallest parts, which carry 52 GB, and 68 MiB with those
 * of 16 MiB, which carry 167 GB (both measured).
 */
export function uploadParts(expectedBytes = 0): { partSize: number; queueSize: number } {
  const needed = Math.ceil(expectedBytes / mostParts / MiB) * MiB;
  return { partSize: Math.max(smallestPart, needed), queueSize: 2 };
}

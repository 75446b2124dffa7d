import { setTimeout } from "node:timers/promises";
import { CreateBucketCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { TestS3Settings } from "./test-s3-settings.ts";

/** A server that answers may still be making its first user; a real one needs a second or two for that. */
const readyWithinMs = 15_000;

/** Waits until the S3 takes our keys, and makes the bucket where it is missing. */
export async function ensureBucket({ bucket, accessKeyId, secretAccessKey, ...place }: TestS3Settings): Promise<void> {
  const client = new S3Client({
    endpoint: place.endpoint,
    region: place.region,
    forcePathStyle: place.forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
  });
  const deadlineMs = Date.now() + readyWithinMs;
  try {
    for (;;) {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }));
        return;
      } catch {
        // Missing, or not ready: making it tells the two apart.
      }
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }));
        return;
      } catch (error) {
        if (Date.now() > deadlineMs) {
          throw new Error(
            `The S3 for tests at ${place.endpoint} did not make the bucket "${bucket}" within ${readyWithinMs / 1000} s: ` +
              `${String(error)}. Check the TEST_S3_* settings.`,
            { cause: error },
          );
        }
        await setTimeout(200);
      }
    }
  } finally {
    client.destroy();
  }
}

import { setTimeout } from "node:timers/promises";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import type { TestS3Settings } from "./test-s3-settings.ts";

/** A server that answers may still be making its first user; a real one needs a second or two for that. */
const readyWithinMs = 15_000;

const clientOf = ({ endpoint, region, forcePathStyle, accessKeyId, secretAccessKey }: TestS3Settings) =>
  new S3Client({ endpoint, region, forcePathStyle, credentials: { accessKeyId, secretAccessKey } });

/** Deletes a bucket of the test's own, with its objects, as an operator may by mistake. Others may write to it meanwhile. */
export async function removeBucket(settings: TestS3Settings): Promise<void> {
  const Bucket = settings.bucket;
  const client = clientOf(settings);
  try {
    for (;;) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
      // One by one: servers differ in the checksums that they want of a call about many.
      await Promise.all(Contents.map(({ Key }) => client.send(new DeleteObjectCommand({ Bucket, Key }))));
      try {
        await client.send(new DeleteBucketCommand({ Bucket }));
        return;
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "BucketNotEmpty") throw error;
      }
    }
  } finally {
    client.destroy();
  }
}

/** Waits until the S3 takes our keys, and makes the bucket where it is missing. */
export async function ensureBucket(settings: TestS3Settings): Promise<void> {
  const { bucket, ...place } = settings;
  const client = clientOf(settings);
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

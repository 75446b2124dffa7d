import { randomUUID } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import { s3Environment, type TestS3Settings } from "@darkroom/testing";

export type BenchBucket = {
  /** What a process has to be started with to keep its images there. */
  environment: Record<string, string>;
  /** Removes the bucket and everything in it. */
  close(): Promise<void>;
};

/** Makes a bucket for one measurement: it has no other objects, so it can be emptied afterwards. */
export async function openBucket(s3: TestS3Settings): Promise<BenchBucket> {
  const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: s3.checksums,
  });
  const Bucket = `darkroom-bench-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket }));
  return {
    environment: s3Environment({ ...s3, bucket: Bucket }, { prefix: "" }),
    async close() {
      try {
        for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
          const Objects = Contents.map(({ Key }) => ({ Key }));
          if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
        }
        await client.send(new DeleteBucketCommand({ Bucket }));
      } finally {
        client.destroy();
      }
    },
  };
}

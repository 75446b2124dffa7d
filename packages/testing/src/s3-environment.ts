import type { TestS3Settings } from "./test-s3-settings.ts";

/**
 * The settings of a process that keeps its objects in the S3 of the tests, under a prefix of its own. `endpoint`: a proxy before it, where a
 * test puts one there.
 */
export const s3Environment = (
  s3: TestS3Settings,
  { prefix, endpoint = s3.endpoint }: { prefix: string; endpoint?: string },
) => ({
  STORAGE: "s3",
  S3_ENDPOINT: endpoint,
  S3_REGION: s3.region,
  S3_BUCKET: s3.bucket,
  S3_PREFIX: prefix,
  S3_ACCESS_KEY_ID: s3.accessKeyId,
  S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
  S3_FORCE_PATH_STYLE: String(s3.forcePathStyle),
  S3_CHECKSUMS: s3.checksums,
});

/** An S3 for tests. The bucket exists; every test writes under a prefix of its own and removes what it wrote. */
export type TestS3Settings = {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  forcePathStyle: boolean;
  checksums: "WHEN_SUPPORTED" | "WHEN_REQUIRED";
};

type Place = { endpoint: string; accessKeyId: string; secretAccessKey: string };

/** Fills in what `TEST_S3_*` says beside the place and its keys. Path style is the default: local servers have no wildcard DNS. */
export function testS3Settings(env: NodeJS.ProcessEnv, place: Place): TestS3Settings {
  const checksums = env["TEST_S3_CHECKSUMS"] || "WHEN_REQUIRED";
  if (checksums !== "WHEN_SUPPORTED" && checksums !== "WHEN_REQUIRED") {
    throw new Error(`TEST_S3_CHECKSUMS is "${checksums}"; it takes WHEN_SUPPORTED or WHEN_REQUIRED.`);
  }
  return {
    ...place,
    region: env["TEST_S3_REGION"] || "us-east-1",
    bucket: env["TEST_S3_BUCKET"] || "darkroom-tests",
    forcePathStyle: env["TEST_S3_FORCE_PATH_STYLE"] !== "false",
    checksums,
  };
}

import { inject } from "vitest";
import type { TestS3Settings } from "./test-s3-settings.ts";

declare module "vitest" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ProvidedContext {
    redisUrl: string;
    s3: TestS3Settings | null;
  }
}

/** The Redis that all test files share. Use keys that no other test uses, and remove them. */
export const testRedisUrl = (): string => inject("redisUrl");

/** The S3 that all test files share, or null where there is none: see `describeWithS3`. */
export const testS3 = (): TestS3Settings | null => inject("s3");

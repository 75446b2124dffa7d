import { describe } from "vitest";
import { testS3 } from "./provided-services.ts";
import type { TestS3Settings } from "./test-s3-settings.ts";

/** A suite that needs a real S3. Without one it is skipped, and the run says so; where `CI` is set the run has failed before. */
export function describeWithS3(name: string, suite: (settings: TestS3Settings) => void): void {
  const settings = testS3();
  describe.skipIf(settings === null)(`${name} (real S3)`, () => {
    // Vitest collects a skipped suite too, so without an S3 there is nothing to collect.
    if (settings !== null) suite(settings);
  });
}

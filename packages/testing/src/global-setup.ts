import type { TestProject } from "vitest/node";
import { dockerAnswers } from "./docker-answers.ts";
import { sharedRedis } from "./shared-redis.ts";
import { sharedS3 } from "./shared-s3.ts";

const howToRunS3 =
  "To run them, install Docker (https://docs.docker.com/engine/install) and start it: the run then starts an S3 server in a container. " +
  "Or name a server that runs already in TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY.";

/** Starts, once for the whole run, the real servers that tests use, and ends them after it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let docker: Promise<boolean> | undefined;
  const askDocker = () => (docker ??= dockerAnswers());
  const redis = await sharedRedis(process.env, askDocker);
  try {
    const s3 = await sharedS3(process.env, askDocker);
    if (s3.value === null && process.env["CI"])
      throw new Error(`CI is set, and there is no S3 server for the tests that need one. ${howToRunS3}`);
    project.provide("redisUrl", redis.value);
    project.provide("s3", s3.value);
    const sayWhatIsSkipped = () => {
      if (s3.value === null) console.warn(`\n⚠  SKIPPED: every test that needs a real S3 server. ${howToRunS3}\n`);
    };
    sayWhatIsSkipped();
    return async () => {
      await Promise.all([redis.stop(), s3.stop()]);
      // Once more, because the first time has scrolled away.
      sayWhatIsSkipped();
    };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

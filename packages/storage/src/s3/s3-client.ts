import { S3Client } from "@aws-sdk/client-s3";
import type { S3Settings, S3Timeouts } from "./s3-settings.ts";

/**
 * Waiting for a free socket counts against the connect timeout, and a slow caller's download holds one, so there are plenty: more
 * than the images that one process moves at a time.
 */
const maxSockets = 256;

export type S3ClientOptions = {
  settings: S3Settings;
  timeouts: S3Timeouts;
  /** Links may be signed for another endpoint than the one that we talk to. */
  endpoint: string | undefined;
};

const silent = (): void => {};

/** The SDK's client for our settings. */
export function createS3Client({ settings, timeouts, endpoint }: S3ClientOptions): S3Client {
  return new S3Client({
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    requestChecksumCalculation: settings.checksums,
    responseChecksumValidation: settings.checksums,
    maxAttempts: timeouts.attempts,
    // Without one the SDK writes to the console. Whatever fails is thrown, and logged by its caller.
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeouts.idleMs,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(settings.credentials !== undefined && { credentials: settings.credentials }),
  });
}

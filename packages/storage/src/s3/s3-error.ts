import { StorageError, type StorageErrorFacts } from "../storage-error.ts";
import type { S3Settings } from "./s3-settings.ts";

type Verdict = { retryable: boolean; advice: string };

const wrongRegion = {
  retryable: false,
  advice: "The bucket lives in another region. Check S3_REGION and S3_ENDPOINT.",
};
const forbidden = {
  retryable: false,
  advice:
    "The access key may not do this. Check S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and the key's policy: it needs s3:GetObject, " +
    "s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket (without which a missing object looks forbidden).",
};
const noBucket = {
  retryable: false,
  advice:
    "There is no such bucket. Check S3_BUCKET, S3_REGION and S3_FORCE_PATH_STYLE, or set S3_CREATE_BUCKET=true to have it made.",
};
const expired = { retryable: false, advice: "The credentials have expired. Renew them." };
const notS3 = {
  retryable: false,
  advice: "What answered does not speak as S3 does. Check S3_ENDPOINT: scheme, host and port, without the bucket.",
};
const noTls = {
  retryable: false,
  advice: "No secure connection came about. Check the scheme of S3_ENDPOINT and its certificate.",
};
const unreachable = {
  retryable: true,
  advice: "The server cannot be reached. Check S3_ENDPOINT, and whether it runs.",
};
const noSuchHost = {
  retryable: true,
  advice:
    "The server's name is unknown. Check S3_ENDPOINT, and S3_FORCE_PATH_STYLE if the name begins with the bucket's.",
};
const silent = {
  retryable: true,
  advice: "The server did not answer in time. Check whether it is overloaded or its network is down.",
};
const noChecksums = {
  retryable: false,
  advice: "The server refuses the checksums that the SDK sends. Set S3_CHECKSUMS=WHEN_REQUIRED.",
};
const notImplemented = {
  retryable: false,
  advice: "The server does not have what was asked of it, and will not have it later. Check that it speaks the S3 API.",
};
const unwell = { retryable: true, advice: "The server says that it has trouble of its own." };

/** By the code in S3's reply (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), the SDK's name or Node's code. */
const verdicts: Record<string, Verdict> = {
  NoSuchBucket: noBucket,
  InvalidAccessKeyId: { retryable: false, advice: "The server does not know the access key. Check S3_ACCESS_KEY_ID." },
  SignatureDoesNotMatch: {
    retryable: false,
    advice:
      "The server computes another signature. Check S3_SECRET_ACCESS_KEY, and that no proxy changes the Host header.",
  },
  AccessDenied: forbidden,
  RequestTimeTooSkewed: {
    retryable: false,
    advice: "This machine's clock and the server's differ too much. Set the clock.",
  },
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  ExpiredToken: expired,
  CredentialsProviderError: {
    retryable: false,
    advice: "There are no credentials. Set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or give the machine a role.",
  },
  XAmzContentSHA256Mismatch: noChecksums,
  // Of one object, in the answer to a call about many.
  InternalError: unwell,
  ServiceUnavailable: unwell,
  SlowDown: unwell,
  OperationAborted: unwell,
  TimeoutError: silent,
  ETIMEDOUT: silent,
  ECONNREFUSED: unreachable,
  ECONNRESET: unreachable,
  EPIPE: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ENOTFOUND: noSuchHost,
  EAI_AGAIN: noSuchHost,
  EPROTO: noTls,
  ERR_TLS_CERT_ALTNAME_INVALID: noTls,
  SELF_SIGNED_CERT_IN_CHAIN: noTls,
  DEPTH_ZERO_SELF_SIGNED_CERT: noTls,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: noTls,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: noTls,
  CERT_HAS_EXPIRED: noTls,
};

/** A reply to HEAD has a status but no body, so no code. */
const verdictsByStatus: Record<number, Verdict> = {
  301: wrongRegion,
  403: forbidden,
  404: noBucket,
  429: unwell,
  501: notImplemented,
};

/**
 * How servers refuse checksums by other codes. Backblaze B2: 400 `InvalidArgument`, "Unsupported header 'x-amz-checksum-crc32' received for
 * this API call". Cloudflare R2: 501 `NotImplemented`, "Header 'x-amz-checksum-algorithm' with value 'CRC32' not implemented".
 * Others name the encoding that carries a checksum behind the body.
 */
const namesChecksums = /x-amz-(?:sdk-)?checksum|STREAMING-\S+-TRAILER|x-amz-trailer/i;

/** The fact sheet for what the SDK threw. */
export function s3Error(
  operation: StorageErrorFacts["operation"],
  key: string | undefined,
  { endpoint, bucket }: S3Settings,
  error: unknown,
): StorageError {
  if (error instanceof StorageError) return error;
  const { retryable, advice } = verdictOn(error);
  const detail = error instanceof Error ? `${error.name}: ${error.message || codeOf(error)}` : String(error);
  const place = `bucket "${bucket}" at ${endpoint ?? "AWS"}`;
  return new StorageError({ operation, key, retryable, advice, detail: `${place}: ${detail}`, cause: error });
}

function verdictOn(error: unknown): Verdict {
  const status = statusOf(error);
  if (error instanceof Error && status !== undefined && namesChecksums.test(error.message)) return noChecksums;
  const known = verdicts[codeOf(error)] ?? (error instanceof Error ? verdicts[error.name] : undefined);
  return known ?? verdictsByStatus[status ?? 0] ?? (status !== undefined && status >= 500 ? unwell : notS3);
}

/** The HTTP status of the reply that the SDK's error came with, if there was a reply. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

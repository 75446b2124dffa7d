import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl, S3RequestPresigner } from "@aws-sdk/s3-request-presigner";

export type LinkTerms = { expiresIn: number; signingDate: Date };

type PresignedRequest = Awaited<ReturnType<S3RequestPresigner["presign"]>>;

/** What the links of a bucket have in common. */
type LinkPattern = Pick<PresignedRequest, "protocol" | "hostname" | "port"> & {
  /** The path without the object's key. */
  folder: string;
  query: Record<string, string>;
  signingRegion: string | undefined;
  signingService: string | undefined;
};

/** They depend on the credentials. Whatever else changes from link to link is written over by the next signature. */
const credentialParameters = new Set(["X-Amz-Security-Token", "X-Amz-Signature"]);

/**
 * Returns the function that signs a link to GET an object of a bucket. The SDK's `getSignedUrl` works out endpoint, style, region and
 * parameters again for every link, which takes five times as long as the signature. So it makes the first one, and the others are signed
 * after its pattern, by the SDK's signer with the client's credentials, renewed as the client renews them. A pattern is only kept that
 * gives the very link it was taken from; where there is none, as for S3 Express, every link is the SDK's.
 */
export function createSignLink(client: S3Client, Bucket: string) {
  const presigner = new S3RequestPresigner({ ...client.config });
  let pattern: LinkPattern | undefined;

  /** `Key` has only characters that a path holds as they are. */
  async function signAfter({ folder, query, ...common }: LinkPattern, Key: string, terms: LinkTerms): Promise<string> {
    const { signingRegion, signingService, ...place } = common;
    const request = { ...place, method: "GET", path: folder + Key, query: { ...query }, headers: {} };
    const region = signingRegion !== undefined && { signingRegion };
    const service = signingService !== undefined && { signingService };
    return urlOf(await presigner.presign(request, { ...terms, ...region, ...service }));
  }

  return async (Key: string, terms: LinkTerms): Promise<string> => {
    if (pattern !== undefined) return signAfter(pattern, Key, terms);
    const link = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), terms);
    const found = patternOf(link, Key);
    if ((await signAfter(found, Key, terms)) === link) pattern = found;
    return link;
  };
}

function patternOf(link: string, key: string): LinkPattern {
  const { protocol, hostname, port, pathname, searchParams } = new URL(link);
  // An access key id may have a slash, what comes after it has none: id/date/region/service/aws4_request.
  const [signingRegion, signingService] = (searchParams.get("X-Amz-Credential") ?? "").split("/").slice(-3);
  return {
    protocol,
    hostname,
    ...(port !== "" && { port: Number(port) }),
    folder: pathname.slice(0, -key.length),
    query: Object.fromEntries([...searchParams].filter(([name]) => !credentialParameters.has(name))),
    signingRegion,
    signingService,
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: PresignedRequest): string {
  const names = Object.keys(query).toSorted();
  const parameters = names.map((name) => `${escaped(name)}=${escaped(String(query[name]))}`);
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}?${parameters.join("&")}`;
}

/** As AWS escapes: what `encodeURIComponent` leaves and RFC 3986 reserves, too. */
const escaped = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

import { createHmac, timingSafeEqual } from "node:crypto";
import { assertLinkLifetime } from "./link-lifetime.ts";
import { assertObjectKey, isObjectKey } from "./object-key.ts";
import { ObjectNotFoundError } from "./storage-error.ts";
import type { ObjectStore } from "./object-store.ts";

/** Where the HTTP service mounts signed links: `GET /images/*`. */
export const signedLinkPath = "/images/";

export type LinkSettings = {
  /** Where callers reach the service that serves the links: `https://images.example.com`, with or without a path. */
  publicBaseUrl: string;
  /** A client that knows it can read every object. */
  signingSecret: string;
  /** The secret before it: links that were signed with it work until their time is over. Undefined: they do not. */
  previousSigningSecret?: string | undefined;
};

/** `link` and `openLink` for stores whose objects we serve ourselves. `now` gives milliseconds. */
export function signedLinks(
  { publicBaseUrl, signingSecret, previousSigningSecret }: LinkSettings,
  get: ObjectStore["get"],
  now: () => number,
): Pick<ObjectStore, "link"> & { openLink: NonNullable<ObjectStore["openLink"]> } {
  const base = publicBaseUrl.replace(/\/+$/, "");
  const accepted = [signingSecret, previousSigningSecret].filter((secret) => secret !== undefined);

  return {
    link: async (key, { expiresInSeconds, sha256 }) => {
      assertObjectKey("link", key);
      assertLinkLifetime(key, expiresInSeconds);
      const expires = String(Math.ceil(now() / 1000) + expiresInSeconds);
      const digest = sha256 === undefined ? "" : Buffer.from(sha256, "hex").toString("base64url");
      const ofBytes = digest === "" ? "" : `&sha256=${digest}`;
      const signature = sign({ key, expires, digest }, signingSecret);
      return `${base}${signedLinkPath}${key}?expires=${expires}${ofBytes}&signature=${signature}`;
    },
    openLink: async (pathAndQuery) => {
      const { signature, ...terms } = partsOf(pathAndQuery);
      const { key, expires, digest } = terms;
      // What is signed has line breaks between its parts, so none of them may have one.
      if (!/^\d+$/.test(expires) || !/^(?:[\w-]{43})?$/.test(digest)) return { status: "forbidden" };
      const isSigned = accepted.some((secret) => isSame(signature, sign(terms, secret)));
      if (!isObjectKey(key) || !isSigned) return { status: "forbidden" };
      if (Number(expires) * 1000 <= now()) return { status: "expired" };
      try {
        const sha256 = digest === "" ? undefined : Buffer.from(digest, "base64url").toString("hex");
        return { status: "ok", object: await get(key), sha256 };
      } catch (error) {
        if (error instanceof ObjectNotFoundError) return { status: "missing" };
        throw error;
      }
    },
  };
}

/** What a link says, and its signature covers. `digest`: the SHA-256 of the bytes, empty where a link has none. */
type LinkTerms = { key: string; expires: string; digest: string };

function sign({ key, expires, digest }: LinkTerms, secret: string): string {
  const ofBytes = digest === "" ? "" : `\n${digest}`;
  return createHmac("sha256", secret).update(`${key}\n${expires}${ofBytes}`).digest("base64url");
}

/** Nothing is decoded in the path: a key needs no escapes, so a path with one is not ours. */
function partsOf(pathAndQuery: string): LinkTerms & { signature: string } {
  const [path = "", query = ""] = pathAndQuery.split("?", 2);
  const parameters = new URLSearchParams(query);
  return {
    key: path.startsWith(signedLinkPath) ? path.slice(signedLinkPath.length) : "",
    expires: parameters.get("expires") ?? "",
    digest: parameters.get("sha256") ?? "",
    signature: parameters.get("signature") ?? "",
  };
}

/** In constant time, so that a signature cannot be guessed byte by byte. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

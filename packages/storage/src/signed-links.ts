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
    link: async (key, { expiresInSeconds }) => {
      assertObjectKey("link", key);
      assertLinkLifetime(key, expiresInSeconds);
      const expires = String(Math.ceil(now() / 1000) + expiresInSeconds);
      return `${base}${signedLinkPath}${key}?expires=${expires}&signature=${sign(key, expires, signingSecret)}`;
    },
    openLink: async (pathAndQuery) => {
      const { key, expires, signature } = partsOf(pathAndQuery);
      const isSigned = accepted.some((secret) => isSame(signature, sign(key, expires, secret)));
      if (!isObjectKey(key) || !isSigned) return { status: "forbidden" };
      if (Number(expires) * 1000 <= now()) return { status: "expired" };
      try {
        return { status: "ok", object: await get(key) };
      } catch (error) {
        if (error instanceof ObjectNotFoundError) return { status: "missing" };
        throw error;
      }
    },
  };
}

const sign = (key: string, expires: string, secret: string): string =>
  createHmac("sha256", secret).update(`${key}\n${expires}`).digest("base64url");

/** Nothing is decoded in the path: a key needs no escapes, so a path with one is not ours. */
function partsOf(pathAndQuery: string) {
  const [path = "", query = ""] = pathAndQuery.split("?", 2);
  const parameters = new URLSearchParams(query);
  return {
    key: path.startsWith(signedLinkPath) ? path.slice(signedLinkPath.length) : "",
    expires: parameters.get("expires") ?? "",
    signature: parameters.get("signature") ?? "",
  };
}

/** In constant time, so that a signature cannot be guessed byte by byte. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

import { GetObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { isObjectKey } from "../object-key.ts";
import { createSignLink, type LinkTerms } from "./sign-link.ts";

const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
const sessionToken = "a+session/token=='(!*)";
const terms: LinkTerms = { expiresIn: 3_600, signingDate: new Date("2026-01-31T23:59:59Z") };

/** A client, and how often it went through all that the SDK does for a request. */
function openClient(config: S3ClientConfig) {
  const client = new S3Client({ region: "us-east-1", credentials, ...config });
  onTestFinished(() => client.destroy());
  let runs = 0;
  client.middlewareStack.add(
    (next) => (request) => {
      runs++;
      return next(request);
    },
    { step: "initialize" },
  );
  return { client, runs: () => runs };
}
const bySdk = (client: S3Client, Bucket: string, Key: string, of = terms) =>
  getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), of);

const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-".split("");
const keys = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 60 }).filter(isObjectKey);
const anyTerms = fc.record({
  expiresIn: fc.integer({ min: 1, max: 604_800 }),
  signingDate: fc.date({ min: new Date("2020-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
});

test.each<[string, S3ClientConfig, string?]>([
  ["in path style", { endpoint: "http://127.0.0.1:9000", forcePathStyle: true }],
  ["by an IPv6 address", { endpoint: "http://[::1]:9000", forcePathStyle: true }],
  ["under a path of the endpoint", { endpoint: "https://example.com/s3/", forcePathStyle: true }],
  ["on a virtual host", { endpoint: "https://s3.example.com" }],
  ["on AWS", { region: "eu-central-1" }],
  ["on AWS with a dot in the bucket's name", { region: "eu-central-1" }, "images.example.com"],
  ["with checksums", { endpoint: "https://s3.example.com", responseChecksumValidation: "WHEN_SUPPORTED" }],
  ["with a session token", { credentials: { ...credentials, sessionToken } }],
  ["with a slash in the access key's id", { credentials: { ...credentials, accessKeyId: "a/b c" } }],
])("links %s are those that the SDK makes for the same key, time and life", async (_, config, bucket = "images") => {
  const { client } = openClient(config);
  const { client: fastClient, runs } = openClient(config);
  const signLink = createSignLink(fastClient, bucket);
  await signLink("first/0.png", terms);
  await fc.assert(
    fc.asyncProperty(keys, anyTerms, async (key, of) => {
      expect(await signLink(key, of)).toBe(await bySdk(client, bucket, key, of));
    }),
  );
  expect(runs()).toBe(1);
});

test("links are signed with the credentials of the moment, as they are renewed", async () => {
  const expiration = new Date();
  let current = { accessKeyId: "first", secretAccessKey: "secret", sessionToken, expiration };
  const { client, runs } = openClient({ credentials: async () => current });
  const signLink = createSignLink(client, "images");
  await signLink("a", terms);

  for (const [accessKeyId, token] of Object.entries({ second: "another", third: "", fourth: sessionToken })) {
    current = { accessKeyId, secretAccessKey: `the ${accessKeyId}`, sessionToken: token, expiration };
    const { client: fixed } = openClient({ credentials: current });
    expect(await signLink("b", terms)).toBe(await bySdk(fixed, "images", "b"));
  }
  expect(runs()).toBe(1);
});

test("credentials that are renewed while the first link is made do not spoil those after it", async () => {
  let renewals = 0;
  const { client, runs } = openClient({
    credentials: async () => ({ ...credentials, accessKeyId: `id-${Math.min(++renewals, 3)}`, expiration: new Date() }),
  });
  const signLink = createSignLink(client, "images");
  for (const key of ["a", "b", "c", "d", "e"]) await signLink(key, terms);
  const { client: fixed } = openClient({ credentials: { ...credentials, accessKeyId: "id-3" } });
  expect(await signLink("f", terms)).toBe(await bySdk(fixed, "images", "f"));
  expect(runs()).toBeLessThan(5);
});

test("where the pattern of a link does not hold, every link is the SDK's", async () => {
  const { client, runs } = openClient({});
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (request instanceof Object && "headers" in request) Object.assign(Object(request.headers), { also: "signed" });
      return next(args);
    },
    { step: "build" },
  );
  const signLink = createSignLink(client, "images");
  for (const key of ["a", "b"]) {
    const link = await signLink(key, terms);
    expect(link).toContain("SignedHeaders=also%3Bhost");
    expect(link).toBe(await bySdk(client, "images", key));
  }
  expect(runs()).toBe(4);
});

test("without credentials there is no link, and with them later there is", async () => {
  let given = false;
  const { client } = openClient({
    credentials: async () => {
      if (!given) throw new Error("no credentials yet");
      return credentials;
    },
  });
  const signLink = createSignLink(client, "images");
  await expect(signLink("a", terms)).rejects.toThrow("no credentials yet");
  given = true;
  expect(await signLink("a", terms)).toBe(await bySdk(client, "images", "a"));
});

import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { createS3Store } from "./s3-store.ts";

const nowMs = Date.parse("2026-11-29T12:00:00Z");
const hour = 3_600;

afterEach(() => vi.unstubAllEnvs());

/** The seconds that a link says it lives, with the credentials that a role has given until `expiration`. */
async function lifeOfLink(expiration: string | undefined, expiresInSeconds: number): Promise<number> {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  vi.stubEnv("AWS_SESSION_TOKEN", "token");
  vi.stubEnv("AWS_CREDENTIAL_EXPIRATION", expiration);
  const bucket = { region: "us-east-1", bucket: "images", forcePathStyle: true, createBucket: false } as const;
  const store = createS3Store({ ...bucket, checksums: "WHEN_REQUIRED" }, { now: () => nowMs });
  onTestFinished(() => store.close());
  const link = new URL(await store.link("a/0.png", { expiresInSeconds }));
  expect(link.searchParams.get("X-Amz-Security-Token")).toBe("token");
  return Number(link.searchParams.get("X-Amz-Expires"));
}

test("a link promises no more than what is left of the session that it is signed in", async () => {
  expect(await lifeOfLink("2026-11-29T18:00:00Z", 7 * 24 * hour)).toBe(6 * hour);
  expect(await lifeOfLink("2026-11-29T18:00:00Z", hour)).toBe(hour);
});

test("a session of unknown length says nothing about its links", async () => {
  expect(await lifeOfLink(undefined, 7 * 24 * hour)).toBe(7 * 24 * hour);
});

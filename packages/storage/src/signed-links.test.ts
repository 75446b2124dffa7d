import { hash } from "node:crypto";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { signedLinks } from "./signed-links.ts";

const settings = { publicBaseUrl: "https://images.example.com/", signingSecret: "s".repeat(32) };
const get = async () => ({ size: 0, contentType: "image/png", body: Readable.from([]) });
const linksAt = (nowMs: number, signingSecret = settings.signingSecret) =>
  signedLinks({ ...settings, signingSecret }, get, () => nowMs);
const pathOf = (url: string) => url.slice("https://images.example.com".length);

test("a link lives for at least its seconds and not two seconds more", async () => {
  const url = await linksAt(1_500).link("a/0.png", { expiresInSeconds: 10 });
  expect(url).toMatch(/^https:\/\/images\.example\.com\/images\/a\/0\.png\?expires=12&signature=[\w-]{43}$/);
  expect(await linksAt(11_999).openLink(pathOf(url))).toMatchObject({
    status: "ok",
    object: { contentType: "image/png" },
  });
  expect(await linksAt(12_000).openLink(pathOf(url))).toEqual({ status: "expired" });
});

test("only a link with a valid signature is told that it has expired", async () => {
  const path = pathOf(await linksAt(0, "another secret").link("a/0.png", { expiresInSeconds: 1 }));
  expect(await linksAt(999_000).openLink(path)).toEqual({ status: "forbidden" });
});

const sha256 = hash("sha256", "the bytes");

test("a link tells the hash of its bytes, and is forbidden with another one or none", async () => {
  const path = pathOf(await linksAt(0).link("a/0.png", { expiresInSeconds: 10, sha256 }));
  expect(await linksAt(0).openLink(path)).toMatchObject({ status: "ok", sha256 });
  const without = pathOf(await linksAt(0).link("a/0.png", { expiresInSeconds: 10 }));
  expect(await linksAt(0).openLink(without)).toMatchObject({ status: "ok", sha256: undefined });
  const other = Buffer.from(hash("sha256", "others"), "hex").toString("base64url");
  for (const changed of [
    path.replace(/sha256=[^&]+/, `sha256=${other}`),
    path.replace(/&sha256=[^&]+/, ""),
    without.replace("&signature", `&sha256=${other}&signature`),
  ])
    expect(await linksAt(0).openLink(changed)).toEqual({ status: "forbidden" });
});

test("a link cannot be made to last by moving its hash into its time", async () => {
  const path = pathOf(await linksAt(0).link("a/0.png", { expiresInSeconds: 10, sha256 }));
  const moved = path.replace(/expires=(\d+)&sha256=([^&]+)/, "expires=$1%0A$2");
  expect(moved).not.toBe(path);
  expect(await linksAt(999_000).openLink(moved)).toEqual({ status: "forbidden" });
});

test("a link that was signed with the secret before works while that is set", async () => {
  const path = pathOf(await linksAt(0, "o".repeat(32)).link("a/0.png", { expiresInSeconds: 10 }));
  const rotated = signedLinks({ ...settings, previousSigningSecret: "o".repeat(32) }, get, () => 5_000);
  expect(await rotated.openLink(path)).toMatchObject({ status: "ok" });
  expect(await rotated.openLink(path.replace("a/0.png", "b/0.png"))).toEqual({ status: "forbidden" });
  // New links are signed with the new one.
  const made = pathOf(await rotated.link("a/0.png", { expiresInSeconds: 10 }));
  expect(await linksAt(5_000).openLink(made)).toMatchObject({ status: "ok" });
});

test.each([
  "",
  "/",
  "/images/",
  "/images/a/0.png",
  "/images/a/0.png?expires=99&signature=",
  "/images/a/0.png?signature=x",
  "/images/../etc/passwd?expires=99&signature=x",
  "/images/%2e%2e/x?expires=99&signature=x",
  "/other/a/0.png?expires=99&signature=x",
])("%j is forbidden", async (path) => {
  expect(await linksAt(0).openLink(path)).toEqual({ status: "forbidden" });
});

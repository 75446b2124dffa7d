import { hash } from "node:crypto";
import { errorBodySchema } from "@darkroom/contracts";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { links, startApi, type StartApiOptions } from "../api.fixture.ts";

const bytes = Buffer.from("the bytes of an image");

async function withImage(options: StartApiOptions = {}) {
  const api = await startApi(options);
  await api.store.put("acme/gen_1/0.png", bytes, { contentType: "image/png" });
  return { api, url: await api.store.link("acme/gen_1/0.png", { expiresInSeconds: 3_600 }) };
}

async function errorOf(answer: Response) {
  const { error } = errorBodySchema.strict().parse(await answer.json());
  return { status: answer.status, code: error.code, retry: answer.headers.get("x-should-retry") };
}

describe.each(["memory", "filesystem"] as const)("200 from the %s store", (storage) => {
  const open = async () => {
    const directory = await temporaryFolder();
    return withImage({ storage: { storage, directory, links } });
  };

  test("GET gives the image without credentials", async () => {
    const { api, url } = await open();
    const answer = await api.follow(url);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": String(bytes.length),
      "cache-control": "private, max-age=31536000, immutable",
      "content-disposition": "inline",
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^req_/),
    });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
  });

  test("GET and HEAD tell the hash of the image by which the link was made", async () => {
    const { api } = await open();
    const sha256 = hash("sha256", bytes);
    const url = await api.store.link("acme/gen_1/0.png", { expiresInSeconds: 3_600, sha256 });
    for (const method of ["GET", "HEAD"]) {
      const answer = await api.follow(url, { method });
      expect(answer.headers.get("repr-digest")).toBe(`sha-256=:${hash("sha256", bytes, "base64")}:`);
      await answer.arrayBuffer();
    }
  });

  test("HEAD gives its headers", async () => {
    const { api, url } = await open();
    const answer = await api.follow(url, { method: "HEAD" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-length")).toBe(String(bytes.length));
    expect(await answer.text()).toBe("");
  });
});

test("403 for a link that was changed, or that was not made here", async () => {
  const { api, url } = await withImage();
  const forbidden = { status: 403, code: "invalid_link", retry: "false" };
  expect(await errorOf(await api.follow(url.replace("/0.png", "/1.png")))).toEqual(forbidden);
  expect(await errorOf(await api.follow(url.replace(/expires=\d+/, "expires=9999999999")))).toEqual(forbidden);
  expect(await errorOf(await fetch(`${api.baseUrl}/images/acme/gen_1/0.png`))).toEqual(forbidden);
  expect(await errorOf(await fetch(`${api.baseUrl}/images/..%2f..%2fetc/passwd`))).toEqual(forbidden);
});

test("404 for a link whose time is over", async () => {
  const openLink = async () => ({ status: "expired" }) as const;
  const { api, url } = await withImage({ objects: (store) => ({ ...store, openLink }) });
  expect(await errorOf(await api.follow(url))).toEqual({ status: 404, code: "expired", retry: "false" });
});

test("404 for an image that was deleted", async () => {
  const { api, url } = await withImage();
  await api.store.delete(["acme/gen_1/0.png"]);
  expect(await errorOf(await api.follow(url))).toEqual({ status: 404, code: "not_found", retry: "false" });
});

test("404 where the store serves its links itself", async () => {
  const { api, url } = await withImage({ objects: (store) => ({ ...store, openLink: null }) });
  expect(await errorOf(await api.follow(url))).toEqual({ status: 404, code: "not_found", retry: "false" });
});

test("503 when the store is away", async () => {
  const { api, url } = await withImage({
    objects: (store) => ({ ...store, openLink: () => Promise.reject(new Error("/secret/folder is gone")) }),
  });
  const answer = await api.follow(url);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(await answer.text()).not.toContain("secret");
});

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { ObjectsLeftError, type StorageError } from "../storage-error.ts";
import { createS3Store } from "./s3-store.ts";

type Call = { method: string; path: string; body: string; headers: Record<string, unknown> };
type Answer = { status: number; body?: string };

const error = (code: string) => `<Error><Code>${code}</Code><Message>no</Message></Error>`;
const result = (errors: Record<string, string> = {}) => ({
  status: 200,
  body: `<DeleteResult>${Object.entries(errors)
    .map(([key, code]) => `<Error><Key>prefix/${key}</Key><Code>${code}</Code><Message>no</Message></Error>`)
    .join("")}</DeleteResult>`,
});
const isOfMany = ({ method }: Call) => method === "POST";

/** A server that answers as the test says, and the calls that it got. */
async function openStore(
  answer: (call: Call) => Answer,
  { checksums = "WHEN_REQUIRED" }: { checksums?: "WHEN_REQUIRED" | "WHEN_SUPPORTED" } = {},
) {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const call = { method, path: url, body: await text(request), headers };
    calls.push(call);
    const { status, body = "" } = answer(call);
    response.writeHead(status, { "content-type": "application/xml" }).end(body);
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  const store = createS3Store(
    {
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      bucket: "images",
      prefix: "prefix",
      credentials: { accessKeyId: "id", secretAccessKey: "secret" },
      forcePathStyle: true,
      checksums,
      createBucket: false,
    },
    { timeouts: { connectMs: 1_000, answerMs: 1_500, idleMs: 1_000, attempts: 1 } },
  );
  onTestFinished(async () => {
    await store.close();
    server.closeAllConnections();
    server.close();
  });
  return { store, calls, count: (method: string) => calls.filter((call) => call.method === method).length };
}

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `_images/gen_${i}/1-0.png`);
const leftOf = async (deletion: Promise<void>) => {
  const failure: unknown = await deletion.catch((reason: unknown) => reason);
  expect(failure).toBeInstanceOf(ObjectsLeftError);
  return failure instanceof ObjectsLeftError ? failure.left : new Map<string, StorageError>();
};

describe("a server that removes many objects in one call", () => {
  test("gets a thousand keys to a call, and each key once", async () => {
    const { store, calls } = await openStore(() => result());
    const keys = keysOf(2_500);
    await store.delete([...keys, ...keys]);
    expect(calls.map(({ method, path }) => [method, path.split("?")[1]?.startsWith("delete")])).toEqual([
      ["POST", true],
      ["POST", true],
      ["POST", true],
    ]);
    const named = calls.flatMap(({ body }) => [...body.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key]) => key));
    expect(named).toEqual(keys.map((key) => `prefix/${key}`));
  });

  test("keeps the objects that its answer names as refused, and no others", async () => {
    const refused = { "_images/gen_1/1-0.png": "AccessDenied", "_images/gen_3/1-0.png": "SlowDown" };
    const { store, count } = await openStore(() => result({ ...refused, "_images/gen_4/1-0.png": "NoSuchKey" }));
    const left = await leftOf(store.delete(keysOf(6)));
    expect([...left].map(([key, { retryable }]) => [key, retryable])).toEqual([
      ["_images/gen_1/1-0.png", false],
      ["_images/gen_3/1-0.png", true],
    ]);
    expect(count("DELETE")).toBe(0);
  });

  test.each([
    ["WHEN_REQUIRED", "content-md5", "x-amz-checksum-crc32"],
    ["WHEN_SUPPORTED", "x-amz-checksum-crc32", "content-md5"],
  ] as const)("gets the checksum that servers know which are set to %s", async (checksums, sent, absent) => {
    const { store, calls } = await openStore(() => result(), { checksums });
    await store.delete(keysOf(2));
    const [call] = calls;
    expect(call?.headers).toHaveProperty([sent]);
    expect(call?.headers).not.toHaveProperty([absent]);
    const md5 = createHash("md5").update(call?.body ?? "");
    expect([undefined, md5.digest("base64")]).toContain(call?.headers["content-md5"]);
  });

  test("that is away keeps all, and gets no further call for each of them", async () => {
    const { store, calls } = await openStore(() => ({ status: 503, body: error("SlowDown") }));
    expect((await leftOf(store.delete(keysOf(500)))).size).toBe(500);
    expect(calls).toHaveLength(1);
  });

  test("whose answer names other objects than were asked for is not believed", async () => {
    const { store } = await openStore((call) =>
      isOfMany(call) ? result({ another: "AccessDenied" }) : { status: 403, body: error("AccessDenied") },
    );
    expect((await leftOf(store.delete(keysOf(3)))).size).toBe(3);
  });
});

describe("a server that does not have the call", () => {
  test.each([
    [501, "NotImplemented"],
    [400, "MalformedXML"],
    [400, "MissingContentMD5"],
    [403, "SignatureDoesNotMatch"],
    [405, "MethodNotAllowed"],
  ])("and answers %i %s gets one call for each object, and is not asked for many again", async (status, code) => {
    const { store, count } = await openStore((call) =>
      isOfMany(call) ? { status, body: error(code) } : { status: 204 },
    );
    await store.delete(keysOf(100));
    await store.delete(keysOf(100));
    expect([count("POST"), count("DELETE")]).toEqual([1, 200]);
  });

  test("keeps the one that it refuses, and removes the others", async () => {
    const { store } = await openStore((call) => {
      if (isOfMany(call)) return { status: 501, body: error("NotImplemented") };
      return call.path.includes("gen_70/") ? { status: 403, body: error("AccessDenied") } : { status: 204 };
    });
    const left = await leftOf(store.delete(keysOf(100)));
    expect([...left.keys()]).toEqual(["_images/gen_70/1-0.png"]);
  });
});

test("a server that refuses everything is not sent a call for each of a thousand objects", async () => {
  const { store, count } = await openStore(() => ({ status: 403, body: error("AccessDenied") }));
  expect((await leftOf(store.delete(keysOf(1_000)))).size).toBe(1_000);
  expect([count("POST"), count("DELETE")]).toEqual([1, 16]);
});

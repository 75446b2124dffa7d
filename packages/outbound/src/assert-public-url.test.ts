import { describe, expect, test } from "vitest";
import { assertPublicUrl, type UrlRules } from "./assert-public-url.ts";
import { OutboundError } from "./outbound-error.ts";
import type { ResolveName } from "./resolve-name.ts";

const strict: UrlRules = { allowPrivate: false };
const to =
  (...addresses: string[]): ResolveName =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
const unasked: ResolveName = async (name) => {
  throw new Error(`${name} was looked up`);
};

/** What is told of every name that is no public one. */
const unreachable = (name: string) =>
  `The name ${name} has no addresses that the public internet can reach. Check its spelling, and that all of its addresses are public. If they are, try again later.`;

async function refusalOf(url: string, rules: UrlRules & { resolve?: ResolveName }): Promise<OutboundError> {
  const error = await assertPublicUrl(url, rules).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutboundError)) throw new Error(`${url} was not refused: ${String(error)}`);
  return error;
}

describe("a URL that breaks a rule of form", () => {
  test.each([
    ["", "This is not a URL. It must be a full one, with https://"],
    ["/hook", "This is not a URL. It must be a full one, with https://"],
    ["https://", "This is not a URL. It must be a full one, with https://"],
    ["http://example.com/", "The URL must start with https://, not with http:"],
    ["ftp://example.com/", "The URL must start with https://, not with ftp:"],
    ["file:///etc/passwd", "The URL must start with https://, not with file:"],
    ["javascript:alert(1)", "The URL must start with https://, not with javascript:"],
    [
      "https://user:secret@example.com/",
      "The URL must not have a user or a password in it. Put a token into its path or query instead.",
    ],
    [
      "https://token@example.com/",
      "The URL must not have a user or a password in it. Put a token into its path or query instead.",
    ],
  ])("%j", async (url, message) => {
    const error = await refusalOf(url, { ...strict, resolve: unasked });
    expect(error).toMatchObject({ code: "INVALID_URL", message, retryable: false });
  });
});

describe("a host that is not public, in every spelling, is refused without asking anybody", () => {
  test.each([
    ["loopback", "127.0.0.1"],
    ["a trailing dot", "127.0.0.1."],
    ["decimal", "2130706433"],
    ["octal", "0177.0.0.1"],
    ["octal, in one", "017700000001"],
    ["hex", "0x7f000001"],
    ["hex, dotted", "0x7f.0x0.0x0.0x1"],
    ["two parts", "127.1"],
    ["three parts", "127.0.1"],
    ["percent-encoded", "%31%32%37.0.0.1"],
    ["full-width digits", "１２７.０.０.１"],
    ["ideographic dots", "127。0。0。1"],
    ["zero", "0"],
    ["private", "10.0.0.1"],
    ["private, decimal", "167772161"],
    ["private, two parts", "192.11010305"],
    ["metadata", "169.254.169.254"],
    ["metadata, decimal", "2852039166"],
    ["metadata, hex", "0xa9fea9fe"],
    ["metadata, IPv6", "[fd00:ec2::254]"],
    ["carrier-grade NAT", "100.64.0.1"],
    ["broadcast", "255.255.255.255"],
    ["multicast", "[ff02::1]"],
    ["unspecified, IPv6", "[::]"],
    ["loopback, IPv6", "[::1]"],
    ["loopback, IPv6, spelled out", "[0:0:0:0:0:0:0:1]"],
    ["link-local, IPv6", "[fe80::1]"],
    ["IPv4-mapped", "[::ffff:127.0.0.1]"],
    ["IPv4-mapped, hex", "[::ffff:7f00:1]"],
    ["IPv4-compatible", "[::127.0.0.1]"],
    ["NAT64", "[64:ff9b::127.0.0.1]"],
    ["6to4", "[2002:7f00:1::]"],
    ["localhost", "localhost"],
    ["localhost, capitals", "LOCALHOST"],
    ["localhost with a dot", "localhost."],
    ["under localhost", "a.b.localhost"],
    ["under localhost with a dot", "a.localhost."],
  ])("%s: %s", async (_, host) => {
    const error = await refusalOf(`https://${host}:8443/hook`, { ...strict, resolve: unasked });
    expect(error).toMatchObject({ code: "PRIVATE_ADDRESS", retryable: false });
    expect(error.message).toMatch(/^\S+ is not a public address\. Use a host that the public internet can reach\.$/);
  });
});

describe("a name", () => {
  test("that leads to public addresses alone passes, on any port", async () => {
    const resolve = to("93.184.215.14", "2606:4700:4700::1111");
    expect((await assertPublicUrl("https://Hooks.example:8443/a?token=b", { ...strict, resolve })).href).toBe(
      "https://hooks.example:8443/a?token=b",
    );
  });

  test.each([
    ["only private", ["10.0.0.5"]],
    ["public, then private", ["93.184.215.14", "10.0.0.5"]],
    ["private, then public", ["10.0.0.5", "93.184.215.14"]],
    ["public IPv4 and loopback IPv6", ["93.184.215.14", "::1"]],
    ["public and IPv4-mapped metadata", ["93.184.215.14", "::ffff:169.254.169.254"]],
  ])("with addresses that are %s is refused, and not told which they are", async (_, addresses) => {
    const error = await refusalOf("https://inside.example/", { ...strict, resolve: to(...addresses) });
    expect(error).toMatchObject({
      code: "PRIVATE_ADDRESS",
      message: unreachable("inside.example"),
    });
    expect(error.detail).toMatch(/^inside\.example resolves to (10\.0\.0\.5|::1|::ffff:169\.254\.169\.254), which/);
  });

  test.each([
    ["ENOTFOUND", "NAME_NOT_FOUND"],
    ["ENODATA", "NAME_NOT_FOUND"],
    ["ESERVFAIL", "NAME_SERVER_FAILED"],
    ["ETIMEOUT", "NAME_SERVER_FAILED"],
  ])("that is answered with %s is told in the same words as one that leads inside", async (code, expected) => {
    const resolve = () => Promise.reject(Object.assign(new Error("query"), { code }));
    const error = await refusalOf("https://gone.example/", { ...strict, resolve });
    expect(error).toMatchObject({ code: expected, retryable: true, detail: `gone.example: ${code}` });
    expect(error).toMatchObject({ message: unreachable("gone.example"), isOfName: true });
  });

  test("without any address is not found", async () => {
    expect((await refusalOf("https://empty.example/", { ...strict, resolve: to() })).code).toBe("NAME_NOT_FOUND");
  });
});

test("a public address, written out, passes without asking anybody", async () => {
  expect((await assertPublicUrl("https://1.1.1.1/", { ...strict, resolve: unasked })).hostname).toBe("1.1.1.1");
});

test("what is allowed is allowed: plain http, and our own network without a look-up", async () => {
  const url = await assertPublicUrl("http://localhost:8080/hook", {
    allowPrivate: true,
    allowInsecure: true,
    resolve: unasked,
  });
  expect(url.port).toBe("8080");
  expect((await refusalOf("http://localhost/", { allowPrivate: true })).code).toBe("INVALID_URL");
});

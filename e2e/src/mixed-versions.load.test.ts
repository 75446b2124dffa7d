import { expect, test } from "vitest";
import { checkOutOlder } from "./older-checkout.ts";
import { startRollingFleet } from "./rolling-fleet.ts";

/** The last commit of 2026-11-29: its records, scripts and packages differ from those of today in many places. */
const olderCommit = "3276b0b490b36e478caef0351d243c4c5321dbc7";
const current = "";

const callers = Number(process.env["MIXED_CALLERS"] ?? 30);

const orders = [
  { title: "workers first, as an upgrade goes", from: "older", to: "current", first: "workers" },
  { title: "apis first, as going back goes", from: "current", to: "older", first: "apis" },
  { title: "apis first, against the order of an upgrade", from: "older", to: "current", first: "apis" },
  { title: "workers first, against the order of going back", from: "current", to: "older", first: "workers" },
] as const;

/** An upgrade as it should go, with all other tests; the other orders by a command of their own, `pnpm mixed`. */
const tried = process.env["MIXED_ORDERS"] === "all" ? orders : orders.slice(0, 1);

test.for(tried)(
  "two apis and two workers go from the $from to the $to version, $title: each caller is answered",
  async ({ from, to, first }, { skip }) => {
    const older = await checkOutOlder(olderCommit);
    if ("missing" in older) skip(older.missing);
    const checkouts = { older: "folder" in older ? older.folder : "", current };
    const options = { apis: 2, workers: 2, callMs: 2_000, callers, batchLines: 20 };
    const fleet = await startRollingFleet({ ...options, from: checkouts[from] });
    const told = await fleet.callWhile(async () => {
      const workers = async () => {
        for (const i of [0, 1]) await fleet.replaceWorker(i, "signal", checkouts[to]);
      };
      const apis = async () => {
        for (const i of [0, 1]) await fleet.replaceApi(i, "signal", checkouts[to]);
      };
      await (first === "workers" ? workers() : apis());
      await (first === "workers" ? apis() : workers());
    });
    expect(told.length).toBeGreaterThan(callers);
    fleet.expectNoBrokenAnswer();
    await fleet.expectCleanHistory(told);
  },
);

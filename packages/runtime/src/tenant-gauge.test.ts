import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createTenantGauge } from "./tenant-gauge.ts";

function openGauge() {
  const registry = new Registry();
  const gauge = createTenantGauge({ name: "held", help: "Held.", registry });
  const read = async () =>
    [...(await registry.metrics()).matchAll(/^held\{tenant="(.+)"\} (\d+)$/gm)].map(([, ...pair]) => pair);
  return { gauge, read };
}
const amounts = (...pairs: [string, number][]) => new Map(pairs);

test("a gauge that nothing feeds has no series", async () => {
  expect(await openGauge().read()).toEqual([]);
});

test("ten tenants are told apart, and a rest only where there are more", async () => {
  const { gauge, read } = openGauge();
  const ten = Array.from({ length: 10 }, (_, index): [string, number] => [`t${index}`, index + 1]);
  gauge.readFrom(() => new Map(ten));
  expect((await read()).map(([tenant]) => tenant)).toEqual(ten.map(([tenant]) => tenant).toReversed());
  gauge.readFrom(() => new Map([...ten, ["little", 0.5], ["less", 0.5], ["none", 0]]));
  expect(await read()).toHaveLength(11);
  expect((await read()).at(-1)).toEqual(["(rest)", "1"]);
});

test("of 5,000 tenants that take turns at being the largest, eleven series are told at any time", async () => {
  const { gauge, read } = openGauge();
  for (let turn = 0; turn < 20; turn++) {
    const all = new Map(Array.from({ length: 5_000 }, (_, index) => [`t${index}`, 1] as [string, number]));
    for (let large = 0; large < 10; large++) all.set(`t${turn * 10 + large}`, 100 + large);
    gauge.readFrom(() => all);
    const series = await read();
    expect(series).toHaveLength(11);
    expect(series[0]).toEqual([`t${turn * 10 + 9}`, "109"]);
    expect(series.at(-1)).toEqual(["(rest)", "4990"]);
  }
});

test("a tenant that takes nothing any more is not told", async () => {
  const { gauge, read } = openGauge();
  gauge.readFrom(() => amounts(["a", 2], ["b", 1]));
  expect(await read()).toEqual([
    ["a", "2"],
    ["b", "1"],
  ]);
  gauge.readFrom(() => amounts(["b", 1]));
  expect(await read()).toEqual([["b", "1"]]);
});

test.each([
  ["rejects", () => Promise.reject(new Error("away"))],
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
])("a source that %s leaves its gauge without series, and the others are told", async (_, source) => {
  const { gauge, read } = openGauge();
  gauge.readFrom(() => amounts(["a", 2]));
  await read();
  gauge.readFrom(source);
  expect(await read()).toEqual([]);
});

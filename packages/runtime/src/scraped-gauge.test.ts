import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createScrapedGauge } from "./scraped-gauge.ts";

function open(labelNames: readonly string[] = []) {
  const registry = new Registry();
  const gauge = createScrapedGauge({ name: "depth", help: "Depth.", labelNames, registry });
  const read = async () => (await registry.metrics()).match(/^depth.*$/gm) ?? [];
  return { gauge, read };
}

test.each([[[]], [["lane"]]])("a gauge with the labels %j that nothing feeds has no series", async (labelNames) => {
  expect(await open(labelNames).read()).toEqual([]);
});

test("each scrape reads anew, and a label that is gone leaves no series", async () => {
  const { gauge, read } = open(["lane"]);
  const samples = [{ labels: { lane: "a" }, value: 1 }];
  gauge.readFrom(() => samples);
  expect(await read()).toEqual(['depth{lane="a"} 1']);
  samples.splice(0, 1, { labels: { lane: "b" }, value: 2 });
  expect(await read()).toEqual(['depth{lane="b"} 2']);
});

test("a source that fails leaves no old value behind", async () => {
  const { gauge, read } = open();
  gauge.readFrom(() => [{ value: 1 }]);
  expect(await read()).toEqual(["depth 1"]);
  gauge.readFrom(async () => Promise.reject(new Error("Redis is away")));
  expect(await read()).toEqual([]);
});

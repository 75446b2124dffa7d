import { CommanderError } from "@commander-js/extra-typings";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { runDarkroom } from "../stubs/run-darkroom.ts";
import { planCommand } from "./plan.ts";

/** The command in this process: what it prints, and what it says about wrong usage. */
async function plan(...args: string[]) {
  const printed = { stdout: "", stderr: "" };
  const command = planCommand({ print: (result) => void (printed.stdout += result) })
    .exitOverride()
    .configureOutput({ writeErr: (text) => void (printed.stderr += text) });
  try {
    await command.parseAsync(args, { from: "user" });
    return { code: 0, ...printed };
  } catch (error) {
    if (error instanceof CommanderError) return { code: 2, ...printed };
    throw error;
  }
}

const planned = z.object({
  imagesPerSecond: z.number(),
  generationsPerSecond: z.number(),
  workers: z.object({ count: z.int() }),
  redis: z.object({ memoryBytes: z.number() }),
  bottlenecks: z.array(z.object({ name: z.string() })),
  cells: z.int().nullable(),
});
const readPlan = async (...args: string[]) => {
  const { stdout } = await plan(...args, "--json");
  return planned.parse(JSON.parse(stdout));
};

test("says what a load needs, without a service and without a key", async () => {
  const { code, stdout, stderr } = await runDarkroom(["plan", "--rate", "50/s", "--seconds", "20"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^load +50 images\/s in 50 generations\/s, 1,000 calls at a time$/m);
  expect(stdout).toMatch(/^workers +63: /m);
  expect(stdout).toMatch(/^First bottleneck: Redis memory, used up at \d+ images\/s\.$/m);
  expect(stdout).toContain("One Redis is enough.");
  expect(stdout).toMatch(/^Beside --rate, --retention matters most: /m);
});

test("says how many cells there are where one Redis is not enough", async () => {
  const { stdout } = await plan("--rate", "10000/s", "--seconds", "20");
  expect(stdout).toMatch(/^One Redis is not enough: \d+ cells/m);
});

test("says that more workers are of no use where the upstream takes less", async () => {
  const { stdout } = await plan("--rate", "50/s", "--seconds", "20", "--upstream-limit", "500/min");
  expect(stdout).toMatch(/^First bottleneck: upstream, used up at 8\.3 images\/s\.$/m);
  expect(stdout).toContain("more workers draw nothing sooner");
});

test.each([
  ["3000/min", 50],
  ["180000/h", 50],
  ["4320000/day", 50],
  ["0.5/s", 0.5],
])("takes a rate of %s", async (rate, perSecond) => {
  expect((await readPlan("--rate", rate, "--seconds", "20")).imagesPerSecond).toBeCloseTo(perSecond, 9);
});

test("counts generations where it is told so", async () => {
  const rate = ["--rate", "10/s", "--seconds", "20", "--images", "4"];
  expect(await readPlan(...rate)).toMatchObject({ imagesPerSecond: 10, generationsPerSecond: 2.5 });
  expect(await readPlan(...rate, "--rate-of", "generations")).toMatchObject({
    imagesPerSecond: 40,
    generationsPerSecond: 10,
  });
});

test("wrong usage is exit code 2", async () => {
  expect(await runDarkroom(["plan", "--rate", "50", "--seconds", "20"])).toMatchObject({ code: 2, stdout: "" });
});

describe("wrong usage is a sentence about the option:", () => {
  const right = ["--rate", "50/s", "--seconds", "20"];
  test.each([
    ["no rate", ["--seconds", "20"], "'--rate <rate>' not specified"],
    ["no seconds", ["--rate", "50/s"], "'--seconds <time>' not specified"],
    ["a rate without its time", ["--rate", "50", "--seconds", "20"], "It must look like 50/s"],
    ["a rate of nothing", ["--rate", "0/s", "--seconds", "20"], "It must be from 0.000001 to 1000000 a second."],
    ["a rate below nothing", ["--rate=-5/s", "--seconds", "20"], "It must look like 50/s"],
    ["a unit that there is not", ["--rate", "50/week", "--seconds", "20"], "It must look like 50/s"],
    ["a name that every object has", ["--rate", "50/constructor", "--seconds", "20"], "It must look like 50/s"],
    ["no time", [...right, "--seconds", "soon"], "It must look like 20, 45s"],
    ["no size", [...right, "--image-size", "2"], "It must look like 300KB"],
    ["a share above all", [...right, "--sync", "120%"], "at most 100%"],
    ["a share without its sign", [...right, "--sync", "0.5"], "It must look like 80%"],
    ["half a slot", [...right, "--concurrency", "2.5"], "It must be a whole number."],
    ["too many images", [...right, "--images", "11"], "It must be from 1 to 10."],
    ["what a rate cannot count", [...right, "--rate-of", "cats"], "Allowed choices are images, generations."],
  ])("%s", async (_, args, sentence) => {
    const { code, stdout, stderr } = await plan(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
  });
});

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** What all threads of a process have come to that stands back, with some of them busy before it does. */
async function prioritiesAfter(...niceness: number[]): Promise<number[]> {
  const program = `
    import { existsSync, readdirSync } from "node:fs";
    import { readdir } from "node:fs/promises";
    import { getPriority } from "node:os";
    import { lowerPriority } from ${JSON.stringify(new URL("lower-priority.ts", import.meta.url).href)};
    await readdir(".");
    for (const niceness of ${JSON.stringify(niceness)}) lowerPriority(niceness);
    const ids = existsSync("/proc/self/task") ? readdirSync("/proc/self/task").map(Number) : [process.pid];
    console.log(JSON.stringify(ids.map((id) => getPriority(id))));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  return JSON.parse(stdout);
}

test("every thread stands back", async () => {
  expect(new Set(await prioritiesAfter(11))).toEqual(new Set([11]));
});

test("a process that stands further back stays there", async () => {
  expect(new Set(await prioritiesAfter(11, 10))).toEqual(new Set([11]));
});

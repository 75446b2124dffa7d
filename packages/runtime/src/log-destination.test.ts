import { fork } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

test("lines that standard output does not take are dropped, counted, and told in one line once it takes them", async () => {
  const child = fork(new URL("slow-stdout.fixture.ts", import.meta.url), {
    env: {},
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [told] = await once(child, "message");
  // Of 60 MB some four are kept.
  expect(told.grownBytes).toBeLessThan(20_000_000);
  expect(told.dropped).toBeGreaterThan(30_000);

  if (child.stdout === null) throw new Error("The child has no standard output");
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const { dropped, msg } = JSON.parse(line);
    if (msg === "A line") lines++;
    if (dropped === undefined) continue;
    expect(dropped).toBe(told.dropped);
    break;
  }
  expect(lines + told.dropped).toBe(60_000);
  child.send("end");
});

test("a process whose standard output cannot be written goes on, and ends when it is told to", async () => {
  const full = await open("/dev/full", "w");
  onTestFinished(() => full.close());
  const child = fork(new URL("slow-stdout.fixture.ts", import.meta.url), {
    env: {},
    execArgv: ["--expose-gc"],
    stdio: ["ignore", full.fd, "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  // Its first write fails before it answers again.
  child.send("write more");
  await once(child, "message");
  child.send("end");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a process ends though nothing reads its last lines", async () => {
  const child = fork(new URL("slow-stdout.fixture.ts", import.meta.url), {
    env: {},
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  child.send("end");
  expect(await once(child, "exit")).toEqual([0, null]);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

const module = new URL("foreground.mjs", import.meta.url).href;

/** A process that runs this program in the foreground, as `npm start` runs the cli. */
function launch(program: string) {
  const call = `foreground(process.execPath, ["-e", ${JSON.stringify(program)}], { env: process.env, channel: true })`;
  const source = `import { foreground } from ${JSON.stringify(module)}; process.exitCode = await ${call};`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, exit: once(child, "exit"), line: async () => (await lines.next()).value };
}

// Says when it is up, then what ends it.
const waits = `
  process.on("SIGTERM", () => { console.log("told to end"); process.exit(4); });
  process.on("disconnect", () => { console.log("left alone"); process.exit(); });
  console.log("up");`;

test("its exit code is ours", async () => {
  expect(await launch("process.exit(7)").exit).toEqual([7, null]);
});

test("a program that a signal ended gives 128 and the signal's number, as in a shell", async () => {
  expect(await launch('process.kill(process.pid, "SIGKILL")').exit).toEqual([137, null]);
});

test("a signal to us reaches it, and we wait for its end", async () => {
  const { child, exit, line } = launch(waits);
  expect(await line()).toBe("up");
  child.kill("SIGTERM");
  expect(await line()).toBe("told to end");
  expect(await exit).toEqual([4, null]);
});

test("it learns of our end even by SIGKILL", async () => {
  const { child, line } = launch(waits);
  expect(await line()).toBe("up");
  child.kill("SIGKILL");
  expect(await line()).toBe("left alone");
});

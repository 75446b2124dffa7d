import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { childEnvironment, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startStubBatchService } from "../../stubs/stub-batch-service.ts";

const main = resolve(import.meta.dirname, "../../main.ts");

/** `batch submit … --wait` for so many lines, of which one ends at each look. */
async function startWaiting(lines: number) {
  const service = await startStubBatchService({ linesPerLook: 1 });
  const file = join(await temporaryFolder(), "prompts.txt");
  await writeFile(file, "a cat\n".repeat(lines));
  const args = [main, "batch", "submit", file, "--model", "dall-e-3", "--yes", "--wait"];
  const env = { ...childEnvironment(), DARKROOM_URL: service.url, DARKROOM_API_KEY: "k", TERM: "xterm" };
  return { service, args, env };
}

/** What a process has printed, and a promise for when it has printed something. */
function watch(child: ReturnType<typeof spawn>) {
  let text = "";
  const readers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      text += chunk;
      for (const read of readers) read();
    });
  }
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed = (words: string | RegExp) =>
    new Promise<void>((done) => {
      const read = () => {
        if (typeof words === "string" ? text.includes(words) : words.test(text)) done();
      };
      readers.add(read);
      read();
    });
  return { text: () => text, printed, closed: once(child, "close") };
}

test("a service that goes away and comes back is waited for, and both are told", async () => {
  const { service, args, env } = await startWaiting(4);
  const ran = watch(spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] }));
  await ran.printed("done, 0 failed");
  service.isAway = true;
  await ran.printed("Retrying until the service answers.");
  service.isAway = false;
  expect(await ran.closed).toEqual([0, null]);
  expect(ran.text()).toMatch(/^The connection to \S+ failed \(\w+\)\. The batch goes on without this command/m);
  expect(ran.text().match(/Retrying until/g)).toHaveLength(1);
  expect(ran.text()).toContain("The service answers again.\n");
  expect(ran.text()).toContain("batch_1 is completed: 4 of 4 lines done");
});

test("Ctrl-C leaves the batch running and says how to come back", async () => {
  const { service, args, env } = await startWaiting(100);
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ran = watch(child);
  await ran.printed("done, 0 failed");
  child.kill("SIGINT");
  expect(await ran.closed).toEqual([null, "SIGINT"]);
  expect(ran.text()).toContain(
    "The batch batch_1 goes on. Continue with: the same command again, or: ./darkroom batch status batch_1 --watch\n",
  );
  expect(service.asked).not.toContain("POST /v1/batches/batch_1/cancel");
});

// util-linux's; that of BSD and macOS takes other options.
const hasScript = spawnSync("script", ["--version"]).stdout?.includes("util-linux") ?? false;

test.skipIf(!hasScript)("a terminal gets a bar with what is done, the rate, the time left and the cost", async () => {
  const { args, env } = await startWaiting(5);
  const command = [process.execPath, ...args].map((word) => `'${word}'`).join(" ");
  const line = `stty cols 200; ${command}`;
  const ran = watch(spawn("script", ["-qec", line, "/dev/null"], { env, stdio: ["ignore", "pipe", "pipe"] }));
  expect(await ran.closed).toEqual([0, null]);
  expect(ran.text()).toMatch(/\[=+-+\] 3\/5 done, 0 failed, [01]\.\d\/s, \ds left, \$0\.12 so far/);
  // The bar is gone in the end, and the terminal breaks lines again.
  expect(ran.text()).toContain("\u001B[?7h");
  expect(ran.text()).toMatch(/batch_1 is completed: 5 of 5 lines done, 0 failed, \$0\.20\.\r\n/);
});

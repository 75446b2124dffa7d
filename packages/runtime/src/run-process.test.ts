import { execFile } from "node:child_process";
import { expect, test } from "vitest";

/** What a process of this body writes on both its outputs, and its exit code. */
function run(body: string): Promise<{ code: unknown; output: string }> {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { createLogger } from ${url("logger.ts")};
    import { runProcess } from ${url("run-process.ts")};
    const log = createLogger({ name: "test", level: "info", pretty: false });
    const replyError = () => Object.assign(new Error("OOM command not allowed"), {
      name: "ReplyError", command: { name: "evalsha", args: ["a very private cat"] },
    });
    await runProcess({ log, closeWithinMs: 1_000, async start() { ${body} } });`;
  return new Promise((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", program], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });
}

test.each([
  ["could not start", "throw replyError();"],
  ["was thrown and caught nowhere", "setImmediate(() => { throw replyError(); });"],
  ["was rejected and caught nowhere", "void Promise.reject(replyError());"],
])("what %s ends it with 1, and its arguments are not in the one line about it", async (_what, body) => {
  const { code, output } = await run(body);
  expect(code).toBe(1);
  expect(output).not.toContain("private");
  const lines = output.trim().split("\n");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: 60,
    err: { message: "OOM command not allowed", commandName: "evalsha" },
  });
});

import { existsSync, rmSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { runDarkroom } from "../../stubs/run-darkroom.ts";
import type { StubBatchOptions, StubBatchService } from "../../stubs/stub-batch-service.ts";
import { model, openSubmit } from "./submit.fixture.ts";

/** A file of two prompts. */
async function setUp(options: StubBatchOptions = {}) {
  const opened = await openSubmit("one\ntwo\n", options);
  const submitFile = (path: string, ...args: string[]) => opened.submitFile(path, ...model, "--yes", ...args);
  return { ...opened, submitFile, submit: (...args: string[]) => submitFile(opened.file, ...args) };
}

/** Holds uploads back until the function is called. */
function holdUploads(service: StubBatchService): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  service.uploadsWaitFor = promise;
  return resolve;
}

const images = ["line-00001.png", "line-00002.png"];
const timesAsked = (asked: readonly string[], line: string) => asked.filter((each) => each === line).length;

describe("runs at once", () => {
  test("of one command are one batch, and each of them ends with the images", async () => {
    const { service, submit, out } = await setUp();
    const letGo = holdUploads(service);
    const running = Promise.all(Array.from({ length: 4 }, () => submit("--wait", "--out", out)));
    // Each has looked for an earlier batch by then.
    await expect.poll(() => timesAsked(service.asked, "GET /v1/models")).toBe(4);
    letGo();
    for (const ran of await running) expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(1);
    expect(timesAsked(service.asked, "POST /v1/files")).toBe(1);
    expect(await readdir(out)).toEqual(expect.arrayContaining(images));
  });

  test("of one command with --again are one batch more", async () => {
    const { service, submit } = await setUp();
    await submit();
    const letGo = holdUploads(service);
    const before = timesAsked(service.asked, "GET /v1/models");
    const running = Promise.all([submit("--again"), submit("--again")]);
    await expect.poll(() => timesAsked(service.asked, "GET /v1/models")).toBe(before + 2);
    letGo();
    for (const ran of await running) expect(ran).toMatchObject({ code: 0, stdout: "batch_2\n" });
  });

  test("on two machines are one batch, and the file that was sent in vain is removed", async () => {
    const { service, folder, file, submit, submitFile } = await setUp();
    await submit();
    await mkdir(join(folder, "elsewhere"));
    const copy = join(folder, "elsewhere", "copy.txt");
    await copyFile(file, copy);
    const ran = await submitFile(copy, "--wait", "--out", join(folder, "there"));
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain(`${copy} was submitted before, as batch_1 (completed): continuing with it.`);
    expect(service.batches).toHaveLength(1);
    expect(service.asked).toContain("DELETE /v1/files/file-2");
    expect(existsSync(join(folder, "there", "line-00002.png"))).toBe(true);
    // From then on it is known here, too.
    expect(await submitFile(copy)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(timesAsked(service.asked, "POST /v1/files")).toBe(2);
  });

  test("a run that was killed while it submitted is no obstacle", async () => {
    const { file, submit } = await setUp();
    await writeFile(`${file}.darkroom-batch.lock`, "999999999");
    expect(await submit()).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(existsSync(`${file}.darkroom-batch.lock`)).toBe(false);
  });

  test("a run that waits for another says so", async () => {
    const { service, file } = await setUp();
    const lock = `${file}.darkroom-batch.lock`;
    await writeFile(lock, String(process.pid));
    const env = { DARKROOM_URL: service.url, DARKROOM_API_KEY: "k" };
    let told = "";
    const ran = await runDarkroom(["batch", "submit", file, "--yes"], env, (piece) => {
      told += piece;
      if (told.includes("waiting for it")) rmSync(lock, { force: true });
    });
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain(`Another run (process ${process.pid}) submits ${file}: waiting for it.`);
  });
});

describe("the same lines are found again", () => {
  test("with another folder, and their images are fetched into it too", async () => {
    const { service, file, submit, out } = await setUp();
    await submit("--wait", "--out", out);
    const ran = await submit("--wait", "--out", `${out}-2`);
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain(
      `${file} was submitted before, as batch_1 (completed): continuing with it. --again buys everything again.`,
    );
    expect(await readdir(`${out}-2`)).toEqual(expect.arrayContaining(images));
    expect(service.batches).toHaveLength(1);
  });

  test("with a folder first and without one later", async () => {
    const { service, submit, out } = await setUp();
    await submit("--out", out);
    expect(await submit()).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(1);
  });

  test("after other lines stood in the file meanwhile", async () => {
    const { service, file, submit } = await setUp();
    await submit();
    await writeFile(file, "three\n");
    expect(await submit()).toMatchObject({ stdout: "batch_2\n" });
    await writeFile(file, "one\ntwo\n");
    expect(await submit()).toMatchObject({ stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(2);
  });

  test("by what an earlier release has kept beside the file", async () => {
    const { service, file, submit } = await setUp();
    await submit();
    const path = `${file}.darkroom-batch.json`;
    const [submission] = JSON.parse(await readFile(path, "utf8")).submissions;
    await writeFile(path, JSON.stringify({ ...submission, idempotency_key: undefined }));
    expect(await submit()).toMatchObject({ stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(1);
  });

  test.skipIf(process.getuid?.() === 0)(
    "in a folder that cannot be written to, by what is kept with the results",
    async () => {
      const { service, folder, submit } = await setUp();
      const out = join(await temporaryFolder(), "images");
      await chmod(folder, 0o500);
      // So that it can be removed.
      onTestFinished(() => chmod(folder, 0o700));
      expect(await submit("--out", out)).toMatchObject({ stdout: "batch_1\n" });
      expect(await submit("--out", out)).toMatchObject({ stdout: "batch_1\n" });
      expect(service.batches).toHaveLength(1);
    },
  );

  test("a batch that the service refused on another machine is no obstacle either", async () => {
    const { service, folder, file, submit, submitFile } = await setUp({ ended: { status: "failed", failed_at: 1 } });
    await submit("--wait");
    const copy = join(folder, "copy.txt");
    await copyFile(file, copy);
    expect(await submitFile(copy)).toMatchObject({ code: 0, stdout: "batch_2\n" });
    expect(service.batches).toHaveLength(2);
  });
});

describe("the same file again", () => {
  test("without a folder is known by what is kept beside it, also where it then has one", async () => {
    const { service, file, submit, out } = await openSubmit("one\n");
    await submit(...model, "--yes");
    expect(JSON.parse(await readFile(`${file}.darkroom-batch.json`, "utf8"))).toMatchObject({
      submissions: [{ file_id: "file-1", batch_id: "batch_1", options: { completion_window: "24h" } }],
    });
    expect(await submit(...model)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(await submit(...model, "--wait", "--out", out)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(existsSync(join(out, "line-00001.png"))).toBe(true);
    expect(service.batches).toHaveLength(1);
  });

  test("with --again is bought again, but not into a folder with other images", async () => {
    const { service, submit, out } = await openSubmit("one\n");
    await submit(...model, "--yes", "--wait", "--out", out);
    const refused = await submit(...model, "--yes", "--again", "--out", out);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(`${out} has the results of batch_1 in it. Name another folder with --out.`);
    expect(await submit(...model, "--yes", "--again", "--out", `${out}-2`)).toMatchObject({ stdout: "batch_2\n" });
    expect(service.batches).toHaveLength(2);
  });

  test("is another batch where its lines or the options of its prompts are others", async () => {
    const { service, file, submit } = await openSubmit("one\n");
    await submit(...model, "--yes");
    const other = await submit(...model, "--n", "1", "--yes");
    expect(other.stdout).toBe("batch_2\n");
    await writeFile(file, "two\n");
    expect((await submit(...model, "--yes")).stdout).toBe("batch_3\n");
    expect(service.files.size).toBe(3);
  });

  test("is found where the answer to the first try got lost", async () => {
    const { service, submit } = await openSubmit("one\n");
    service.dropBatchAnswer = true;
    const lost = await submit(...model, "--yes");
    expect(lost).toMatchObject({ code: 1, stdout: "" });
    expect(lost.stderr).toContain("It may have done what was asked all the same");
    service.dropBatchAnswer = false;
    expect(await submit(...model)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(1);
  });

  test("submits again where the service refused it the first time, as nothing was bought", async () => {
    const { service, submit, out } = await openSubmit("one\n", { ended: { status: "failed", failed_at: 1 } });
    expect(await submit(...model, "--yes", "--wait", "--out", out)).toMatchObject({ code: 1, stdout: "batch_1\n" });
    expect(await submit(...model, "--yes", "--out", out)).toMatchObject({ code: 0, stdout: "batch_2\n" });
    expect(service.asked.filter((each) => each === "POST /v1/files")).toHaveLength(1);
  });

  test("does not take a folder from other lines that are still drawn", async () => {
    const { service, file, submit, out } = await openSubmit("one\n", { linesPerLook: 0 });
    await submit(...model, "--yes", "--out", out);
    await writeFile(file, "two\n");
    const refused = await submit(...model, "--yes", "--out", out);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(`${out} is kept for other lines, submitted as batch_1.`);
    expect(service.files.size).toBe(1);
    expect(await submit(...model, "--yes", "--out", out, "--again")).toMatchObject({ stdout: "batch_2\n" });
  });

  test("uses the file that an earlier try has uploaded", async () => {
    const { service, file, submit } = await openSubmit("one\n");
    await submit(...model, "--yes");
    const path = `${file}.darkroom-batch.json`;
    const { batch_id: _, ...kept } = JSON.parse(await readFile(path, "utf8")).submissions[0];
    await writeFile(path, JSON.stringify({ submissions: [kept] }));
    service.batches.length = 0;
    expect(await submit(...model, "--yes")).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.files.size).toBe(1);
  });

  test("is never bought on a guess: a batch that the service does not know is a problem", async () => {
    const { service, submit } = await openSubmit("one\n");
    await submit(...model, "--yes");
    service.batches.length = 0;
    const ran = await submit(...model, "--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("This file was submitted as batch_1; --again buys everything again.");
  });
});
